"""Numbers of JSON texts, with every digit: a double has room for 15 to 17 digits only."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

import orjson

_WORDY: Final = re.compile(r"[0-9.]{16}|\.[0-9]+0(?![0-9])")
_PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_BITS = (-(2**63), 2**64)


class ExactNumber(float):
    """A number that a double or a 64-bit integer would change. It computes as the nearest double.

    ``text`` has every digit.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> ExactNumber:
        """Create the number of a JSON text without an exponent."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        """Return what a copy is created from."""
        return (self.text,)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def loads_exact(text: str) -> Any:
    """Parse JSON as ``orjson.loads`` does, with an ExactNumber for each number whose digits would change."""
    if not _WORDY.search(text):
        return orjson.loads(text)
    return json.loads(text, parse_float=exact_decimal, parse_int=exact_integer)


def exact_integer(text: str) -> int | float:
    """Read an integer of a JSON text; beyond 64 bits, an ExactNumber."""
    if len(text) < len(str(_BITS[1])) or _BITS[0] <= int(text) < _BITS[1]:
        return int(text)
    return ExactNumber(text)


def exact_decimal(text: str) -> float:
    """Read a number with a fraction: a float, or an ExactNumber if the text says more than the double.

    A double is never written with zeros at the end, apart from `1.0`: others are digits of a decimal.
    """
    number = float(text)
    if not _PLAIN.fullmatch(text) or repr(number) == text or text.endswith(".0"):
        return number
    if text.endswith("0") or Decimal(text) != Decimal(repr(number)):
        return ExactNumber(text)
    return number


def json_default(value: Any) -> Any:
    """Encode what ``orjson`` cannot: an ExactNumber as a number with all digits, anything else as text."""
    return orjson.Fragment(value.text) if isinstance(value, ExactNumber) else str(value)
