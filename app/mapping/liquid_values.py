"""Conversion of values to text, numbers and lists, as Liquid templates need them."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from liquid.exceptions import LiquidError

from app.mapping.text import scalar_text

MAXIMUM_SIZE: Final = 100_000_000
"""Maximum size of all values that one rendering creates, in UTF-16 units, including those that it drops."""

ITEM_SIZE: Final = 64
"""Assumed size of a list item."""

NUMBER: Final = re.compile(r"\s*[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


def too_large() -> LiquidError:
    """Return the error for a rendering that would use too much memory."""
    return LiquidError(f"creates more than {MAXIMUM_SIZE} units", token=None)


def text_in_liquid(value: Any) -> str:
    """Convert a value to text. List items are joined without a separator, null and absent become empty."""
    text = scalar_text(value)
    if text is not None:
        return text
    if isinstance(value, list | range):
        return "".join([text_in_liquid(item) for item in list_in_liquid(value)])
    return "[object Object]" if isinstance(value, dict) else ""


def number_in_liquid(value: Any) -> float:
    """Convert a value to a double. Anything that is no number counts as 0."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str) and len(value) < 400 and NUMBER.fullmatch(value):
        return float(value)
    return 0.0


def whole_in_liquid(value: Any) -> int:
    """Convert a value to a length or position, limited to the maximum size of a text."""
    number = number_in_liquid(value)
    return 0 if math.isnan(number) else int(max(min(number, MAXIMUM_SIZE), -MAXIMUM_SIZE))


def list_in_liquid(value: Any) -> list[Any]:
    """Return the items of a list or range. Another value is returned as a list of one, null as an empty list."""
    if isinstance(value, list):
        return value
    if isinstance(value, range):
        if len(value) * ITEM_SIZE > MAXIMUM_SIZE:
            raise too_large()
        return list(value)
    return [] if value is None else [value]


def size_in_liquid(value: Any) -> int:
    """Estimate the size of a value that a filter created."""
    if isinstance(value, str):
        return len(value)
    return len(value) * ITEM_SIZE if isinstance(value, list) else 0
