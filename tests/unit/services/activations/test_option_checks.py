"""Options of an activation that fit, and have no effect together with its other options."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors import registry
from app.domain.changes import Mode
from app.services.activations.option_checks import option_warnings
from app.services.revision import Revision
from app.services.revision.config import Identifier

NAMES = "personalization.profile.mapping"
CHANGED = "Audience Membership Changed"


def found(slug: str = "webhook", type: str = CHANGED, **fields: Any) -> list[tuple[str, str]]:
    definition = registry.get(slug).definition
    return [
        (one.code.value, one.field) for one in option_warnings(definition, Revision(type, **fields))
    ]


@pytest.mark.parametrize(
    ("mode", "type"),
    [
        (Mode.APPEND, "Audience Exited"),
        (Mode.REMOVE, "Audience Entered"),
        (Mode.REMOVE, "Entity Added"),
        (Mode.REMOVE, "Entity Values Changed"),
        (Mode.APPEND, "Entity Removed"),
    ],
)
def test_a_mode_and_a_type_that_exclude_each_other(mode: Mode, type: str) -> None:
    assert found(type=type, mode=mode) == [("sends_nothing", "mode")]


@pytest.mark.parametrize("mode", list(Mode))
def test_a_mode_that_fits(mode: Mode) -> None:
    assert found(mode=mode) == []


def test_updates_without_a_trait() -> None:
    of_updates = [("option_without_effect", "updates")]
    assert found(updates=True) == of_updates
    assert found(updates=True, mode=Mode.REMOVE, properties=("plan",)) == of_updates
    assert found(updates=True, properties=("plan",)) == []
    assert found(updates=True, mapping={"data": {"a": {"@path": "$.traits.plan"}}}) == []
    assert found(updates=True, mapping={"data": {"@path": "$.traits"}}) == []
    assert found(updates=True, entities={"accounts": ["ID"]}) == []


def test_names_under_which_nothing_is_sent() -> None:
    assert found(properties=("plan",), property_names={"plan": "tier"}) == []
    assert found(properties=("plan",), property_names={"city": "town"}) == [
        ("option_without_effect", f"{NAMES}.city")
    ]
    assert found(properties=("plan",), property_names={"plan": " "}) == [
        ("option_without_effect", f"{NAMES}.plan")
    ]
    assert found(properties=("plan", "tier"), property_names={"tier": "plan"}) == [
        ("option_without_effect", f"{NAMES}.tier")
    ]


def test_a_list_that_the_mapping_overrides() -> None:
    of_list = [("option_without_effect", "list")]
    assert found("klaviyo", list_id="AbCdEf") == []
    assert found("klaviyo", list_id="AbCdEf", mapping={"list_id": "AbCdEf"}) == []
    assert found("klaviyo", list_id="AbCdEf", mapping={"list_id": "GhIjKl"}) == of_list


def test_identifiers_that_the_partner_does_not_know() -> None:
    ignored = [("option_without_effect", "idSyncConfiguration")]

    def chosen(slug: str, *entries: tuple[str, str | None]) -> list[tuple[str, str]]:
        identifiers = tuple(Identifier(name, "last", map_to) for name, map_to in entries)
        return found(slug, identifiers=identifiers, identifiers_chosen=True)

    assert chosen("klaviyo", ("email", None), ("user_id", "external_id")) == []
    assert chosen("klaviyo", ("customer_no", "external_id"), ("email", None)) == ignored
    assert chosen("klaviyo", ("email", "Email_c")) == ignored
    assert chosen("webhook", ("customer_no", "id"), ("email", None)) == []
    assert chosen("webhook", ("customer_no", "id"), ("user_id", "id")) == ignored
    assert chosen("webhook", ("email", None), ("email", None)) == ignored
