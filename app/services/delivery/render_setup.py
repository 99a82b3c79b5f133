"""How the renderer of a sync is built from its revision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from typing import Any

from app.connectors.base import Action, Definition
from app.mapping import compile_mapping
from app.services.delivery.event import EventFrame
from app.services.delivery.render import Renderer
from app.services.revision import (
    Revision,
    action_of,
    arm_of,
    arm_property,
    list_of,
    sent_traits,
)
from app.storage.models import Activation, Audience


def build_event_frame(
    sync_id: str,
    planned_at: datetime,
    audience: Audience,
    revision: Revision,
    activation: Activation,
    made: Mapping[str, str],
) -> EventFrame:
    """Return what the events of one sync have in common. ``made``: the connection's lists."""
    both = revision.activation_type == "Audience Membership Changed"
    return EventFrame(
        type="identify" if both else "track",
        sync_id=sync_id,
        space_id=audience.space_id,
        audience_id=audience.id,
        audience_key=audience.key,
        activation_id=activation.id,
        list_of=lambda place: list_of(made, activation.id, place),
        connection_settings=revision.connection_settings,
        planned_at=planned_at,
    )


def build_renderer(definition: Definition, revision: Revision, frame: EventFrame) -> Renderer:
    """Return the renderer of the syncs of a revision."""
    names = sent_traits(definition, revision)
    action, included = action_of(definition, revision), revision.included
    arm = arm_property(definition, revision)
    carrier = action.properties_field if action else None
    mapping = _fields_to_map(definition, revision)
    marks = [name for name in (included.name if included else None, arm) if name is not None]
    return Renderer(
        frame=frame,
        names=names,
        trait_names={**names, **{name: name for name in marks}},
        arm_property=arm,
        included=included,
        carrier=carrier,
        maps_properties=carrier in revision.mapping,
        fields_by_name=_fields_by_name(definition, action),
        arm_of=partial(arm_of, revision, frame.activation_id),
        list_of=cache(frame.list_of),  # a sync has few places and many changes
        resolve=compile_mapping(mapping).resolve if mapping else None,
        is_plain=not (mapping or marks or _is_renamed(names)),
    )


def _is_renamed(names: Mapping[str, str]) -> bool:
    return any(name != kept for name, kept in names.items())


def _fields_to_map(definition: Definition, revision: Revision) -> dict[str, Any]:
    """Return the directives by field: the action's defaults and the user's mapping, without constants and identity fields."""
    action = action_of(definition, revision)
    if action is None:
        return {}
    elsewhere = {field.key for field in action.fields if field.constant}
    elsewhere.update(field.name for field in definition.identity_fields)
    mapping = {field.key: field.default for field in action.fields if field.default is not None}
    mapping.update(revision.mapping)
    return {key: value for key, value in mapping.items() if key not in elsewhere}


def _fields_by_name(definition: Definition, action: Action | None) -> frozenset[str]:
    """Return the action's fields that take the trait of the same name: neither objects nor constants nor identifiers."""
    identity = {field.name for field in definition.identity_fields}
    return frozenset(
        field.key
        for field in (action.fields if action else ())
        if not field.constant and field.type != "OBJECT" and field.key not in identity
    )
