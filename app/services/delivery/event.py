"""The event that mappings see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.clock import to_wire
from app.domain.changes import ChangeKind
from app.snapshots.engine import PlannedChange

EVENTS = {
    ChangeKind.ENTERED: "Audience Entered",
    ChangeKind.EXITED: "Audience Exited",
    ChangeKind.UPDATED: "Audience Membership Changed",
}


@dataclass(frozen=True, slots=True)
class EventFrame:
    """What the events of one sync have in common."""

    type: str  # track, or identify if both directions are sent
    sync_id: str
    space_id: str
    audience_id: str
    audience_key: str
    activation_id: str
    list_of: Callable[[str | None], str | None]  # a key's place -> the list at the partner
    connection_settings: Mapping[str, Any]
    planned_at: datetime


def build_event(
    frame: EventFrame, change: PlannedChange, traits: Mapping[str, Any], list_id: str | None
) -> dict[str, Any]:
    """Return the event of a change: ``{type, event, messageId, timestamp, properties, traits, context, userId, …}``.

    "The event that mappings see" in docs/architecture.md shows an example.
    """
    known = _nested({**_last_values(change.identity), **change.traits, **traits})
    known[frame.audience_key] = change.kind is not ChangeKind.EXITED
    event: dict[str, Any] = {
        "type": frame.type,
        "event": EVENTS[change.kind],
        "messageId": f"{frame.sync_id}-{change.row}",
        "timestamp": to_wire(frame.planned_at),
        "properties": {**known, **change.entities},
        "traits": known,
        "context": {"traits": known, "personas": _personas(frame, list_id)},
    }
    return event | _user_ids(change)


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Return values by name, with names with dots as nested objects: paths cannot name them otherwise.

    If a name with dots leads through a value that is no object, the value without dots stays.
    """
    dotted = [name for name in values if "." in name]
    if not dotted:
        return values
    result = {name: value for name, value in values.items() if "." not in name}
    for name in dotted:
        *way, last = name.split(".")
        inside: Any = result
        for key in way:
            # Objects of the plan are copied before they are filled.
            child = inside.get(key, {})
            inside[key] = dict(child) if isinstance(child, dict) else child
            inside = inside[key]
            if not isinstance(inside, dict):
                break
        else:
            inside.setdefault(last, values[name])
    return result


def _user_ids(change: PlannedChange) -> dict[str, Any]:
    found = {
        name: _last(change.identity.get(identifier))
        for name, identifier in (("userId", "user_id"), ("anonymousId", "anonymous_id"))
    }
    return {name: value for name, value in found.items() if value is not None}


def _personas(frame: EventFrame, list_id: str | None) -> dict[str, Any]:
    return {
        "computation_key": frame.audience_key,
        "computation_id": frame.audience_id,
        "computation_class": "audience",
        "space_id": frame.space_id,
        "external_audience_id": list_id,
        "audience_settings": frame.connection_settings,
    }


def _last(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return value[-1] if value else None
    return value


def _last_values(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _last(value) for key, value in identity.items()}
