"""Identity of a change, as a partner's fields: the plan has already named and normalised it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.connectors.base import Delivery


def identity_of(delivery: Delivery, names: Iterable[str]) -> dict[str, str]:
    """The partner's identity fields that a change has, the last value of each.

    What names the key is always there, also where the identifiers do not repeat it.
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
    """The value, or the last of several (the newest)."""
    if isinstance(value, list | tuple):
        return value[-1] if value else None
    return value
