"""Ids: a prefix that names the kind, then text that sorts by time of making."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 22  # 128 bits in base 62


def new_id(prefix: str) -> str:
    """A fresh id such as ``aud_0ujsszwN8NRY24YaXiTIE2``.

    48 bits of milliseconds since 1970, then 80 random bits, in base 62 of fixed width, so that text order is
    the order of making (to the millisecond).
    """
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    digits = []
    for _ in range(_LENGTH):
        number, rest = divmod(number, 62)
        digits.append(_ALPHABET[rest])
    return f"{prefix}_{''.join(reversed(digits))}"


def new_hex_id() -> str:
    """A fresh id of 24 hex digits, the form in which destinations are named; sorts by time to the second."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"
