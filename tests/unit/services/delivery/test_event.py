"""The event that mappings see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain.changes import ChangeKind
from app.services.delivery.event import build_event
from tests.unit.services.delivery.changes import FRAME, create_change


def test_names_the_change_and_the_member() -> None:
    event = build_event(FRAME, create_change(), {}, None)
    assert (event["type"], event["event"]) == ("identify", "Audience Entered")
    assert (event["messageId"], event["timestamp"]) == ("syn_1-7", "2026-01-02T00:00:00.000Z")
    assert event["userId"] == "u1"
    assert "anonymousId" not in event


@pytest.mark.parametrize(
    ("kind", "name", "is_member"),
    [
        (ChangeKind.ENTERED, "Audience Entered", True),
        (ChangeKind.UPDATED, "Audience Membership Changed", True),
        (ChangeKind.EXITED, "Audience Exited", False),
    ],
)
def test_says_whether_the_member_is_in_the_audience(
    kind: ChangeKind, name: str, is_member: bool
) -> None:
    event = build_event(FRAME, create_change(kind), {}, None)
    assert event["event"] == name
    assert event["traits"]["buyers"] is is_member
    assert event["properties"]["buyers"] is is_member


def test_traits_are_the_last_identifiers_the_members_traits_and_those_that_travel() -> None:
    event = build_event(FRAME, create_change(city="Rome"), {"town": "Rome"}, None)
    known = {
        "email": "ada@example.com",
        "user_id": "u1",
        "city": "Rome",
        "town": "Rome",
        "buyers": True,
    }
    assert event["traits"] == event["context"]["traits"] == event["properties"] == known


def test_entities_are_properties_only() -> None:
    change = replace(create_change(), entities={"pets": [{"name": "Rex"}]})
    event = build_event(FRAME, change, {}, None)
    assert event["properties"]["pets"] == [{"name": "Rex"}]
    assert "pets" not in event["traits"]


def test_the_context_names_the_audience_and_the_list_at_the_partner() -> None:
    event = build_event(FRAME, create_change(), {}, "list_1")
    assert event["context"]["personas"] == {
        "computation_key": "buyers",
        "computation_id": "aud_1",
        "computation_class": "audience",
        "space_id": "spa_1",
        "external_audience_id": "list_1",
        "audience_settings": {"region": "eu"},
    }


def test_names_with_dots_are_nested_objects() -> None:
    traits: dict[str, Any] = {
        "address.city": "Rome",
        "address.geo.lat": 41,
        "E-Mail": "x",
        "plan": 1,
        "plan.name": "no",
    }
    change = replace(create_change(**traits), identity={"android.id": ["a1"], "email": "e"})
    event = build_event(FRAME, change, {"address.zip": "00100"}, None)
    assert event["traits"] == {
        "android": {"id": "a1"},
        "email": "e",
        "address": {"city": "Rome", "geo": {"lat": 41}, "zip": "00100"},
        "E-Mail": "x",
        "plan": 1,
        "buyers": True,
    }
