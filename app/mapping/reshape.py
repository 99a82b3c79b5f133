"""Conversions of whole values: flattening, merging, and removal of nulls."""

from __future__ import annotations

from typing import Any

from app.mapping.text import in_units
from app.mapping.values import ABSENT


def flatten(value: Any, separator: str, *, keep_arrays: bool) -> dict[str, Any]:
    """Flatten nested containers into ``{joined path of keys: leaf}``."""
    flat: dict[str, Any] = {}

    def enter(item: Any, name: str) -> None:
        if isinstance(item, dict):
            members = list(item.items())
        elif isinstance(item, list) and not keep_arrays:
            members = [(str(index), child) for index, child in enumerate(item)]
        else:
            flat[name] = item
            return
        for key, child in members:
            enter(child, f"{name}{separator}{key}" if name else key)

    enter(value, "")
    return flat


def overlay(values: list[Any]) -> dict[str, Any]:
    """Merge values into one object, ``{key: value}``. Later values win, also with an absent member."""
    merged: dict[str, Any] = {}
    for value in values:
        if isinstance(value, dict):
            merged.update(value)
        elif isinstance(value, list):
            merged.update({str(index): item for index, item in enumerate(value)})
        elif isinstance(value, str):
            merged.update({str(index): unit for index, unit in enumerate(in_units(value))})
    return merged


def without_nulls(value: Any) -> Any:
    """Replace null by absent: the value, and members at every depth. Arrays are not entered."""
    if value is None:
        return ABSENT
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items()}
    return value
