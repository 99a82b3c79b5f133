"""Rendering: from a planned change to what the connector sends.

Every change is mapped from one event (docs/architecture.md, “The event that mappings see”); fields that nobody maps take their action's default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, overload

from app.connectors.base import Action, Definition, Delivery, Refusal
from app.core.clock import to_wire
from app.domain.changes import ChangeKind
from app.mapping import MappingError, compile_mapping
from app.services.revision import Revision, action_of, arm_of, arm_property, travelling
from app.snapshots.engine import PlannedChange
from app.snapshots.plans import PlanRows

EVENTS = {
    ChangeKind.ENTERED: "Audience Entered",
    ChangeKind.EXITED: "Audience Exited",
    ChangeKind.UPDATED: "Audience Membership Changed",
}


@dataclass(frozen=True, slots=True)
class EventFrame:
    """What the events of one sync have in common."""

    type: str  # track, or identify where both directions are sent
    sync_id: str
    space_id: str
    audience_id: str
    audience_key: str
    activation_id: str
    list_of: Callable[[str | None], str | None]  # a key's place -> the list at the partner
    connection_settings: Mapping[str, Any]
    planned_at: datetime


class Renderer:
    """Turns the changes of one sync into deliveries; made once for a sync."""

    def __init__(self, definition: Definition, revision: Revision, frame: EventFrame) -> None:
        self._names = travelling(definition, revision)
        self._frame = frame
        self._property = arm_property(definition, revision)
        self._included = revision.included
        action = action_of(definition, revision)
        self._carrier = action.properties_field if action else None
        self._maps_properties = self._carrier in revision.mapping
        self._fields_by_name = _fields_by_name(definition, action)
        self._arm_of = partial(arm_of, revision, frame.activation_id)
        self._list_of = cache(frame.list_of)  # a sync has few places, and very many changes
        mapping = _fields_to_map(definition, revision)
        self._resolve: Callable[[Any], Any] | None = (
            compile_mapping(mapping).resolve if mapping else None
        )

    @property
    def trait_names(self) -> Mapping[str, str]:
        """The traits that travel, and under which names."""
        marks = [self._included.name if self._included else None, self._property]
        return {**self._names, **{name: name for name in marks if name is not None}}

    @property
    def is_plain(self) -> bool:
        """Nothing is mapped and no trait is renamed: what the plan holds goes out as it is."""
        renamed = any(name != kept for name, kept in self._names.items())
        marked = self._property is not None or self._included is not None
        return self._resolve is None and not marked and not renamed

    def render(self, change: PlannedChange) -> Delivery | Refusal:
        """One delivery; a Refusal where the mapping cannot be carried out for this record."""
        marks = self._marks(change)
        named = self._traits(change.traits)
        traits = {**named, **marks}
        fields: dict[str, Any] = {}
        if self._resolve is not None:
            try:
                fields = dict(self._resolve(self.event(change, traits)) or {})
            except MappingError as error:
                return Refusal("mapping_failed", str(error))
        if self._carrier is not None and change.kind is not ChangeKind.EXITED:
            self._add_properties(self._carrier, fields, named, marks)
        return Delivery(
            kind=change.kind,
            key_type=change.key_type,
            key=change.key,
            profile_id=change.member_id,
            identifiers=change.identity,
            traits=traits,
            fields=fields,
            partner_id=change.partner_id,
        )

    def _add_properties(
        self,
        carrier: str,
        fields: dict[str, Any],
        traits: Mapping[str, Any],
        marks: Mapping[str, Any],
    ) -> None:
        """Put what travels where the connector looks: into the field of that name, else among the properties.

        Where the mapping says what the properties are, only our marks are added to them.
        """
        given = fields.get(carrier)
        properties = dict(given) if isinstance(given, Mapping) else {}
        for name, value in traits.items() if not self._maps_properties else ():
            if name not in self._fields_by_name:
                properties.setdefault(name, value)
            elif fields.get(name) is None:
                fields[name] = value
        properties.update(marks)
        if properties:
            fields[carrier] = properties

    def _traits(self, traits: Mapping[str, Any]) -> Mapping[str, Any]:
        names = self._names
        if not names:
            return {}
        return {names[key]: value for key, value in traits.items() if key in names}

    def _marks(self, change: PlannedChange) -> Mapping[str, Any]:
        """Properties of our own that travel with a change: the activation's name, taken away on exit, and its arm."""
        marks: dict[str, Any] = {}
        if self._included is not None:
            left = change.kind is ChangeKind.EXITED
            marks[self._included.name] = None if left else self._included.value
        if self._property is not None:
            arm = self._arm_of(change.place, change.profile_id)
            if arm is not None:
                marks[self._property] = arm
        return marks

    def event(self, change: PlannedChange, traits: Mapping[str, Any]) -> dict[str, Any]:
        """The event that mappings see."""
        frame = self._frame
        known = {**_last_values(change.identity), **change.traits, **traits}
        known[frame.audience_key] = change.kind is not ChangeKind.EXITED
        event: dict[str, Any] = {
            "type": frame.type,
            "event": EVENTS[change.kind],
            "messageId": f"{frame.sync_id}-{change.row}",
            "timestamp": to_wire(frame.planned_at),
            "properties": {**known, **change.entities},
            "traits": known,
            "context": {
                "traits": known,
                "personas": {
                    "computation_key": frame.audience_key,
                    "computation_id": frame.audience_id,
                    "computation_class": "audience",
                    "space_id": frame.space_id,
                    "external_audience_id": self._list_of(change.place),
                    "audience_settings": frame.connection_settings,
                },
            },
        }
        user_id = _last(change.identity.get("user_id"))
        if user_id is not None:
            event["userId"] = user_id
        anonymous_id = _last(change.identity.get("anonymous_id"))
        if anonymous_id is not None:
            event["anonymousId"] = anonymous_id
        return event


class PlainDeliveries(Sequence[Delivery]):
    """Deliveries of changes that nobody maps: whole columns as JSON, or single deliveries, made when asked for."""

    def __init__(self, rows: PlanRows, renderer: Renderer) -> None:
        self._rows = rows
        self._renderer = renderer

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Delivery: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Delivery]: ...
    def __getitem__(self, index: int | slice) -> Delivery | Sequence[Delivery]:
        if isinstance(index, slice):
            return PlainDeliveries(self._rows[index], self._renderer)
        rendered = self._renderer.render(self._rows[index])
        assert isinstance(rendered, Delivery)  # noqa: S101  only mappings refuse
        return rendered

    def json_columns(self) -> tuple[Any, Any, Any, Any]:
        """See ``app.connectors.base.JsonColumns``."""
        rows = self._rows
        return rows.column("kind"), rows.keys(), rows.column("identity"), rows.column("traits")


def _fields_to_map(definition: Definition, revision: Revision) -> dict[str, Any]:
    """Defaults of the action's fields, and what the user maps over them; constants and identity are elsewhere."""
    action = action_of(definition, revision)
    if action is None:
        return {}
    elsewhere = {field.key for field in action.fields if field.constant}
    elsewhere.update(field.name for field in definition.identity_fields)
    mapping = {field.key: field.default for field in action.fields if field.default is not None}
    mapping.update(revision.mapping)
    return {key: value for key, value in mapping.items() if key not in elsewhere}


def _fields_by_name(definition: Definition, action: Action | None) -> frozenset[str]:
    """Fields of the action that take a trait of their name: plain ones, that say nothing of who the member is."""
    identity = {field.name for field in definition.identity_fields}
    return frozenset(
        field.key
        for field in (action.fields if action else ())
        if not field.constant and field.type != "OBJECT" and field.key not in identity
    )


def _last(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return value[-1] if value else None
    return value


def _last_values(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _last(value) for key, value in identity.items()}
