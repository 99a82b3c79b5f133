"""Conversion of values to text, and text measured in UTF-16 units."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final

from app.core.exact_numbers import ExactNumber
from app.mapping.errors import MappingFailed

MAXIMUM_TEXT: Final = 100_000_000
"""Maximum length of a text that a mapping creates, since a short template can multiply a payload."""

_WHITE_SPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def trim(text: str) -> str:
    """Remove white space from both ends. U+FEFF is white space; U+001C to U+001F and U+0085 are not."""
    return text.strip(_WHITE_SPACE)


def trim_start(text: str) -> str:
    """Remove white space from the start."""
    return text.lstrip(_WHITE_SPACE)


def trim_end(text: str) -> str:
    """Remove white space from the end."""
    return text.rstrip(_WHITE_SPACE)


def number_text(number: float) -> str:
    """Format a double as the shortest decimal that parses to an equal double. Integers and exact numbers keep all digits."""
    if isinstance(number, int | ExactNumber):
        try:
            return str(number)
        except ValueError:  # thousands of digits
            return "Infinity" if number > 0 else "-Infinity"
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    return sign + _positive_text(*_shortest_digits(abs(number)))


def _shortest_digits(number: float) -> tuple[str, int]:
    """Return the significant digits, and the position of the decimal point relative to the first digit."""
    mantissa, _, exponent = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    return digits.rstrip("0"), len(whole) + int(exponent or 0) - leading


def _positive_text(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"


def scalar_text(value: Any) -> str | None:
    """Convert a string, boolean or number to text. Returns None for every other type."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return None


def text_of(value: Any) -> str:
    """Convert any value to text. Array items are joined by commas, null and absent become empty."""
    text = scalar_text(value)
    if text is not None:
        return text
    if isinstance(value, list):
        return ",".join([text_of(item) for item in value])
    return "[object Object]" if isinstance(value, dict) else ""


def joined(parts: Iterable[str], location: str) -> str:
    """Join parts into one text. Raises `MappingFailed` if it is too long for the memory."""
    kept: list[str] = []
    size = 0
    for part in parts:
        size += len(part)
        if size > MAXIMUM_TEXT:
            raise MappingFailed(location, f"creates a text of more than {MAXIMUM_TEXT} units.")
        kept.append(part)
    return paired("".join(kept))


def units(text: str) -> int:
    """Count the UTF-16 units of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def in_units(text: str) -> str:
    """Return a text with one character for each UTF-16 unit; a surrogate pair becomes two characters."""
    if text.isascii():
        return text
    encoded = memoryview(text.encode("utf-16-le", "surrogatepass"))
    return "".join(
        [chr(low | high << 8) for low, high in zip(encoded[::2], encoded[1::2], strict=True)]
    )


def paired(text: str) -> str:
    """Join adjacent halves of surrogate pairs into single characters."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def has_half_pair(text: str) -> bool:
    """Return whether a text holds half of a surrogate pair."""
    return not text.isascii() and _SURROGATE.search(text) is not None
