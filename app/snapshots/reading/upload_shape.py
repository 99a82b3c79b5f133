"""The shape of an upload that the service takes: how many columns, and how deeply nested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.errors import Invalid
from app.domain.data_shape import MAX_COLUMNS, MAX_DEPTH, is_too_deep, name_fault

_NESTED = {"list", "array", "struct", "map", "union"}


def refuse_shape(columns: Mapping[str, Any]) -> None:
    """Raise Invalid for too many columns, or for one with an unfit name or a type that is nested too deeply.

    Decided before any SQL.
    """
    refuse_many(len(columns))
    for column, kind in columns.items():
        if fault := name_fault(column):
            raise Invalid(fault)
        if is_too_deep(kind, _inner):
            raise Invalid(
                f"Column {column} is nested deeper than {MAX_DEPTH} levels.",
                data={"column": column},
            )


def refuse_many(columns: int) -> None:
    """Raise Invalid for more columns than an upload may have."""
    if columns > MAX_COLUMNS:
        raise Invalid(f"The upload has {columns:,} columns; the most is {MAX_COLUMNS:,}.")


def _inner(kind: Any) -> list[Any]:
    """Return the types within a list or an object."""
    if kind.id not in _NESTED:
        return []
    return [inner for _, inner in kind.children if hasattr(inner, "id")]
