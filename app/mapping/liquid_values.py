"""Values as a Liquid template sees them: as text, as numbers, as lists."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from liquid.exceptions import LiquidError

from app.mapping.text import scalar_text

MAXIMUM_SIZE: Final = 100_000_000
"""Units that one rendering may make in all, what it throws away again included."""

ITEM_SIZE: Final = 64
"""What an item of a list is reckoned to take."""

NUMBER: Final = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


def too_large() -> LiquidError:
    """The error for a rendering that would use too much memory."""
    return LiquidError(f"makes more than {MAXIMUM_SIZE} units", token=None)


def text_in_liquid(value: Any) -> str:
    """Write a value: the items of lists without a separator, nothing for what is not there."""
    text = scalar_text(value)
    if text is not None:
        return text
    if isinstance(value, list | range):
        return "".join([text_in_liquid(item) for item in list_in_liquid(value)])
    return "[object Object]" if isinstance(value, dict) else ""


def number_in_liquid(value: Any) -> float:
    """Read a value as a double; what is no number counts as 0."""
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
    """Read a value as a length or a place; what is beyond any text is cut to that."""
    number = number_in_liquid(value)
    return 0 if math.isnan(number) else int(max(min(number, MAXIMUM_SIZE), -MAXIMUM_SIZE))


def list_in_liquid(value: Any) -> list[Any]:
    """Give the items of a list; anything else that is there is a list of one."""
    if isinstance(value, list):
        return value
    if isinstance(value, range):
        if len(value) * ITEM_SIZE > MAXIMUM_SIZE:
            raise too_large()
        return list(value)
    return [] if value is None else [value]


def size_in_liquid(value: Any) -> int:
    """Reckon the memory that a value newly made by a filter takes."""
    if isinstance(value, str):
        return len(value)
    return len(value) * ITEM_SIZE if isinstance(value, list) else 0
