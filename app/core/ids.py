"""Ids: a prefix that names the kind of resource, then text that sorts by creation time."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 22  # 128 bits in base 62


def new_id(prefix: str) -> str:
    """Create an id such as ``aud_0ujsszwN8NRY24YaXiTIE2``.

    The text after the prefix is 48 bits of milliseconds since 1970 and 80 random bits, in base 62 of fixed width,
    so that ids sort by creation time, to the millisecond.
    """
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    digits = []
    for _ in range(_LENGTH):
        number, rest = divmod(number, 62)
        digits.append(_ALPHABET[rest])
    return f"{prefix}_{''.join(reversed(digits))}"


def new_hex_id() -> str:
    """Create an id of 24 hex digits, the form of destination ids. It sorts by creation time, to the second."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"
