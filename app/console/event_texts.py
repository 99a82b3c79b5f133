"""What an event of the audit trail changed, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.console.revision_texts import Difference
from app.console.words import as_json
from app.domain.differences import ORDER_OF_FIELDS
from app.domain.setting_labels import setting_label
from app.services.tenancy import Caller, event_changes

_SECRET = {"set": True}
_SETTINGS = ("settings", "connectionSettings", "source")  # objects of settings


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event with its changes; None if it has none to show."""

    event: Any
    changes: Sequence[Difference] | None
    omitted: int


def event_row(event: Any, caller: Caller) -> EventRow:
    """Return an event with its changes, as far as the caller may read them."""
    found = event_changes(event, caller)
    if found is None:
        return EventRow(event, None, 0)
    return EventRow(event, [_difference(one) for one in found.fields], found.omitted)


def _difference(change: dict[str, Any]) -> Difference:
    if change["field"] == ORDER_OF_FIELDS:
        return Difference(
            f"Order of the mapped fields ({ORDER_OF_FIELDS})",
            _order(change["before"]),
            _order(change["after"]),
        )
    before, after = _text(change["before"]), _text(change["after"])
    if before == after:
        after = f"another one: {after}" if change["after"] != _SECRET else "another secret"
    return Difference(_label(change["field"]), before, after)


def _order(names: Any) -> str:
    """Return the names of fields in their order. Very long lists are kept as text."""
    return ", ".join(names) if isinstance(names, list) else _text(names)


def _label(field: str) -> str:
    """Return the name of a field, with the label of a setting before it: ``API key (settings.api_key)``."""
    place, _, name = field.partition(".")
    if place not in _SETTINGS or not name:
        return field
    return f"{setting_label(name.partition('.')[0])} ({field})"


def _text(value: Any) -> str:
    """Return the text of a value; an empty text is nothing."""
    if value is None:
        return ""
    if value == _SECRET:
        return "a secret"
    return value if isinstance(value, str) and value else as_json(value)
