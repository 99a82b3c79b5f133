"""The fields that a revision sends and a partner keeps."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors.base import Definition
from app.connectors.destinations.braze.definition import DEFINITION as BRAZE
from app.connectors.destinations.klaviyo.definition import DEFINITION as KLAVIYO
from app.connectors.destinations.talon_one.definition import DEFINITION as TALON
from app.connectors.destinations.webhook.connector import WebhookConnector
from app.domain.sent_fields import pointer
from app.services.revision.kept_fields import sent_fields, text_fields
from app.services.revision.plan_spec import build_plan_spec, spec_from_json, spec_to_json
from tests.unit.services.revision.definitions import create_revision

WEBHOOK = WebhookConnector.definition
TIER: dict[str, Any] = {"profile": {"properties": ["tier"]}}
RENAMED = {"profile": {"properties": ["tier"], "mapping": {"tier": "Level"}}}


def fields(definition: Definition, action: str, settings: Any = None, **config: Any) -> list[str]:
    """Each field as ``name < traits``, with * for an object and ~ for a computed value; defaults of the action apart."""
    mapping = {"destinationMapping": {"actionId": action, "settings": settings or {}}}
    mapped = sent_fields(definition, create_revision(**mapping, **config))
    default = sent_fields(
        definition,
        create_revision(**mapping | {"destinationMapping": {"actionId": action, "settings": {}}}),
    )
    return [
        f"{pointer(one.path)}{'*' * one.each}{'~' * one.computed} < {','.join(one.reads)}"
        for one in mapped
        if one not in default
    ]  # fmt: skip


UPSERT, UPDATE, SEND = "klaviyo-upsert-profile", "braze-update-user-profile", "webhook-send"


@pytest.mark.parametrize(
    ("definition", "action", "settings", "config", "found"),
    [
        (WEBHOOK, SEND, {}, {"personalization": TIER}, ["/traits/tier < tier"]),
        (WEBHOOK, SEND, {}, {"personalization": RENAMED}, ["/traits/Level < tier"]),
        (KLAVIYO, UPSERT, {}, {"personalization": RENAMED}, ["/properties/Level < tier"]),
        (BRAZE, UPDATE, {}, {"personalization": TIER}, ["/custom_attributes/tier < tier"]),
        (BRAZE, UPDATE, {}, {"personalization": {"profile": {"properties": ["land"], "mapping": {"land": "country"}}}},
         ["/country < country,land", "/country < land"]),
        (BRAZE, "braze-track-event", {"properties": {"t": {"@path": "$.traits.t"}}}, {}, []),
        (TALON, "talon-one-update-customer-profiles-audiences", {}, {"personalization": TIER}, []),
        (WEBHOOK, SEND, {"data": {"@path": "$.traits"}}, {}, ["/data* < "]),
        (WEBHOOK, SEND, {"data": {"@path": "$.traits.address"}}, {}, ["/data* < address"]),
        (WEBHOOK, SEND, {"data": {"a": {"b": {"@path": "$.traits.address.city"}}, "c": 1}}, {}, ["/data/a/b < address.city"]),
        (WEBHOOK, SEND, {"data": {"a": {"@template": "{{traits.x}} {{userId}}"}}}, {}, ["/data/a~ < x"]),
        (WEBHOOK, SEND, {"data": {"@excludeWhenNull": {"a": {"@path": "$.traits.x"}}}}, {}, ["/data*~ < x"]),
        (KLAVIYO, UPSERT, {"properties": {"t": {"@path": "$.traits.t"}}}, {"personalization": TIER}, ["/properties/t < t"]),
        (KLAVIYO, UPSERT, {"email": {"@path": "$.traits.mail"}}, {}, []),  # identifiers are never cleared
        (WEBHOOK, SEND, {"data": {"x": {"@path": "$.traits.x"}}}, {"mode": "remove"}, []),
    ],
)  # fmt: skip
def test_each_place_that_receives_a_trait_is_a_field(
    definition: Definition, action: str, settings: Any, config: Any, found: list[str]
) -> None:
    assert fields(definition, action, settings, **config) == found


def test_a_field_also_reads_the_trait_behind_a_name_of_the_event() -> None:
    revision = create_revision(
        personalization={"profile": {"properties": ["vorname"], "mapping": {"vorname": "firstName"}}},
        destinationMapping={"actionId": UPSERT, "settings": {}},
    )  # fmt: skip
    first_name = next(one for one in sent_fields(KLAVIYO, revision) if one.path == ("first_name",))
    assert list(first_name.reads) == ["firstName", "vorname"]


def test_templates_are_found_in_written_objects() -> None:
    mapping = {
        "title": {"@template": "{{traits.x}}"},
        "data": {"a": {"b": {"@liquid": "{{ traits.x }}"}}, "c": {"@path": "$.traits.x"}},
        "d": {"@if": {"exists": {"@path": "x"}, "then": {"@template": "y"}}},
    }
    assert text_fields(mapping) == [("title",), ("data", "a", "b")]


def test_the_fields_are_stored_with_the_specification() -> None:
    revision = create_revision(
        destinationMapping={"actionId": SEND, "settings": {}}, personalization=TIER
    )
    spec = build_plan_spec(
        WEBHOOK, revision, kind="incremental", sync_number=1, activation_id="act", max_rows=1, made_lists={}
    )  # fmt: skip
    assert spec.fields_sent
    stored = spec_to_json(spec)
    assert spec_from_json(stored).fields_sent == tuple(spec.fields_sent)
    del stored["fields_sent"]  # as an earlier version stored it
    assert spec_from_json(stored).fields_sent == ()
