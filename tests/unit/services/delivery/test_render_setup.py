"""How the renderer of a sync is built from its revision."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors.base import ActionField, Delivery
from app.services.delivery.render_setup import build_event_frame, build_renderer
from app.storage.models import Activation, Audience
from tests.unit.services.delivery.changes import FRAME, create_change
from tests.unit.services.revision.definitions import ENTER, create_definition, create_revision

PROPERTIES = {"profile": {"properties": ["city"]}}
RENAMED = {"profile": {"properties": ["city"], "mapping": {"city": "town"}}}


@pytest.mark.parametrize(
    ("config", "is_plain", "names"),
    [
        ({}, True, {}),
        ({"personalization": PROPERTIES}, True, {"city": "city"}),
        ({"personalization": RENAMED}, False, {"city": "town"}),
        ({"includedAttribute": {"name": "c", "value": "Spring"}}, False, {"c": "c"}),
        ({"destinationMapping": {"actionId": "act-enter", "settings": {"title": "Ms"}}}, False, {}),
    ],
    ids=["nothing", "trait", "renamed", "attribute", "mapped"],
)
def test_a_renderer_is_plain_if_the_plan_is_sent_as_it_is(
    config: dict[str, Any], is_plain: bool, names: dict[str, str]
) -> None:
    renderer = build_renderer(create_definition(), create_revision(**config), FRAME)
    assert renderer.is_plain is is_plain
    assert renderer.trait_names == names


def test_defaults_of_the_action_are_mapped_and_constants_and_identity_fields_are_not() -> None:
    fields = (
        ActionField("title", "Title", "STRING", default={"@path": "$.traits.city"}),
        ActionField("size", "Size", "INTEGER", constant=True, default=3),
        ActionField("email", "Address", "STRING", default="nobody@example.com"),
    )
    action = ENTER.__class__("act-enter", "enter", "Enter", "", fields)
    definition = create_definition(actions=(action,), presets=())
    delivery = build_renderer(definition, create_revision(), FRAME).render(
        create_change(city="Rome")
    )
    assert isinstance(delivery, Delivery)
    assert delivery.fields == {"title": "Rome"}


@pytest.mark.parametrize(
    ("activation_type", "type"),
    [("Audience Membership Changed", "identify"), ("Audience Entered", "track")],
)
def test_events_are_tracked_if_one_direction_is_sent(activation_type: str, type: str) -> None:
    audience = Audience(space_id="spa_1", id="aud_1", key="buyers")
    revision = create_revision(activationType=activation_type)
    activation = Activation(id="act_1")
    frame = build_event_frame("syn_1", FRAME.planned_at, audience, revision, activation, {})
    assert frame.type == type
    assert (frame.space_id, frame.audience_key, frame.activation_id) == ("spa_1", "buyers", "act_1")
