"""Ids: a prefix that names the kind of resource, then text that sorts by creation time in every database."""

from __future__ import annotations

import secrets
import time
from datetime import datetime

#: Digits whose order is the same in every collation that PostgreSQL knows. Databases of hosters sort text as a language does:
#: upper and lower case together, Danish *aa* after *z*, Czech *ch* after *h*. So "the newest" must not depend on such letters.
_DIGITS = "0123456789ejkqvw"
_OF_TIME = 11  # digits of the milliseconds since 1970: 44 bits
_OF_CHANCE = 16  # digits: 64 bits


def new_id(prefix: str) -> str:
    """Create an id such as ``aud_1e228w0vv0k786w493kew6w2511``.

    The text after the prefix is 44 bits of milliseconds since 1970 and 64 random bits, to the base 16 in fixed width, so
    that ids sort by creation time, to the millisecond. Ids of earlier versions begin with ``0`` and come before.
    """
    chance = _written(secrets.randbits(4 * _OF_CHANCE), _OF_CHANCE)
    return _first(prefix, time.time_ns() // 1_000_000) + chance


def first_id(prefix: str, moment: datetime) -> str:
    """Return a text that sorts after the ids of a kind that were created before ``moment``, and before all others."""
    return _first(prefix, int(moment.timestamp() * 1000))


def new_hex_id() -> str:
    """Create an id of 24 hex digits, the form of destination ids. It sorts by creation time, to the second."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def _first(prefix: str, milliseconds: int) -> str:
    return f"{prefix}_{_written(milliseconds, _OF_TIME)}"


def _written(number: int, width: int) -> str:
    """Write a number with these digits, in fixed width. Example: 26 in two digits is ``1e``."""
    return "".join(_DIGITS[int(digit, 16)] for digit in f"{number:0{width}x}")
