"""The shape of an upload that the service takes: how many columns, and how deeply nested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.errors import Invalid

MAX_COLUMNS = 1_000
MAX_DEPTH = 8  # the time to read a value grows threefold with every two levels
_NESTED = {"list", "array", "struct", "map", "union"}


def refuse_shape(columns: Mapping[str, Any]) -> None:
    """Raise Invalid for too many columns, or for one whose engine type is nested too deeply. Decided before any SQL."""
    if len(columns) > MAX_COLUMNS:
        raise Invalid(f"The upload has {len(columns):,} columns; the most is {MAX_COLUMNS:,}.")
    for column, kind in columns.items():
        if _depth(kind) > MAX_DEPTH:
            raise Invalid(
                f"Column {column} is nested deeper than {MAX_DEPTH} levels.",
                data={"column": column},
            )


def _depth(kind: Any) -> int:
    """Return how many levels of lists and objects an engine type has, counted up to one more than is taken."""
    depth, level = 0, [kind]
    while depth <= MAX_DEPTH:
        level = [
            inner
            for outer in level
            if outer.id in _NESTED
            for _, inner in outer.children
            if hasattr(inner, "id")
        ]
        if not level:
            break
        depth += 1
    return depth
