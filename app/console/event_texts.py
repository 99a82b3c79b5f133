"""What an event of the audit trail changed, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.console.revision_texts import Difference
from app.console.words import as_json
from app.services.tenancy import Caller, event_changes

_SECRET = {"set": True}


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
    before, after = _text(change["before"]), _text(change["after"])
    if before == after:
        after = f"another one: {after}" if change["after"] != _SECRET else "another secret"
    return Difference(change["field"], before, after)


def _text(value: Any) -> str:
    """Return the text of a value; an empty text is nothing."""
    if value is None:
        return ""
    if value == _SECRET:
        return "a secret"
    return value if isinstance(value, str) and value else as_json(value)
