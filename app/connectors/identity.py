"""Reads the identity fields of a change. The plan has already named and normalised them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.connectors.base import Delivery


def identity_of(delivery: Delivery, names: Iterable[str]) -> dict[str, str]:
    """Return ``{field: value}`` of a change's identity fields, the last value of each.

    The field of the key is always present, even if the identifiers do not repeat it.
    """
    wanted = tuple(names)
    found = {}
    for name in wanted:
        value = last_value(delivery.identifiers.get(name))
        if value is not None:
            found[name] = str(value)
    if delivery.key_type in wanted and delivery.key:
        found[delivery.key_type] = delivery.key
    return found


def last_value(value: Any) -> Any:
    """Return the value, or the last of several values (the newest)."""
    if isinstance(value, list | tuple):
        return value[-1] if value else None
    return value
