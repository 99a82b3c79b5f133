"""Numbers of JSON texts with more digits than a double keeps. Readers that know doubles only would change them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

#: Where 16 digits are possible. It begins with a literal, so that the search is fast.
_MAYBE = re.compile(rb"\.(?:[0-9]{8}|(?<=[0-9]{9}\.)[0-9])")
_NUMBER = re.compile(rb"[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?")


class LongNumber(str):
    """A number that a double would change, as it is written."""

    __slots__ = ()


def has_long_number(block: bytes) -> bool:
    """Report whether JSON may have such a number. Texts that look like one count, too."""
    return any(_is_long(_around(found)) for found in _MAYBE.finditer(block))


def loads_long(
    text: bytes, other: Callable[[str], Any] = float, whole: Callable[[str], Any] = int
) -> Any:
    """Parse JSON with a LongNumber for each such number.

    ``other`` reads the other numbers with a fraction or exponent, ``whole`` reads integers.

    Raises ValueError if the text is not valid JSON.
    """
    return json.loads(
        text,
        parse_float=lambda number: LongNumber(number) if _is_long(number) else other(number),
        parse_int=whole,
    )


def long_paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each LongNumber in a parsed value: keys, and positions in lists."""
    if isinstance(value, LongNumber):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from long_paths(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from long_paths(item, (*path, str(index)))


def _around(found: re.Match[bytes]) -> str:
    """Return the number around a match, without its sign."""
    text, start = found.string, found.start()
    while start and text[start - 1 : start].isdigit():
        start -= 1
    number = _NUMBER.match(text, start)
    return number.group().decode() if number else "0"


def _is_long(text: str) -> bool:
    return Decimal(text) != Decimal(repr(float(text)))
