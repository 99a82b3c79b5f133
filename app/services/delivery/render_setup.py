"""How the renderer of a sync is built from its revision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial

from app.connectors.base import Definition
from app.mapping import compile_mapping
from app.services.delivery.event import EventFrame
from app.services.delivery.render import Renderer
from app.services.revision import (
    Revision,
    action_of,
    arm_of,
    arm_property,
    fields_by_name,
    list_of,
    mapped_fields,
    sent_fields,
    sent_traits,
    text_fields,
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
    mapping = mapped_fields(definition, revision)
    marks = [name for name in (included.name if included else None, arm) if name is not None]
    return Renderer(
        frame=frame,
        names=names,
        trait_names={**names, **{name: name for name in marks}},
        arm_property=arm,
        included=included,
        carrier=carrier,
        maps_properties=carrier in revision.mapping,
        fields_by_name=fields_by_name(definition, action),
        arm_of=partial(arm_of, revision, frame.activation_id),
        list_of=cache(frame.list_of),  # a sync has few places and many changes
        resolve=compile_mapping(mapping).resolve if mapping else None,
        is_plain=not (mapping or marks or _is_renamed(names)),
        fields_sent=sent_fields(definition, revision),
        texts=text_fields(mapping),
    )


def _is_renamed(names: Mapping[str, str]) -> bool:
    return any(name != kept for name, kept in names.items())
