"""From a planned change to a delivery: traits, properties and mapped fields."""

from __future__ import annotations

from typing import Any

from app.connectors.base import Delivery, Refusal
from app.domain.changes import ChangeKind
from app.services.delivery.render_setup import build_renderer
from app.snapshots.engine import PlannedChange
from tests.unit.services.delivery.changes import FRAME, create_change
from tests.unit.services.revision.definitions import create_definition, create_revision

PROPERTIES = {"profile": {"properties": ["city"], "mapping": {"city": "town"}}}


def render(of: PlannedChange, mapping: dict[str, Any] | None = None, **config: Any) -> Delivery:
    """A delivery by the action "enter", whose properties go into its field "custom"."""
    mapped = {"actionId": "act-enter", "settings": mapping or {}}
    revision = create_revision(destinationMapping=mapped, **config)
    found = build_renderer(create_definition(), revision, FRAME).render(of)
    assert isinstance(found, Delivery)
    return found


def test_traits_travel_under_their_names_as_properties() -> None:
    found = render(create_change(city="Rome", age=41), personalization=PROPERTIES)
    assert found.traits == {"town": "Rome"}
    assert found.fields == {"custom": {"town": "Rome"}}


def test_a_trait_fills_the_field_of_its_name_unless_that_is_mapped() -> None:
    named = {"profile": {"properties": ["city"], "mapping": {"city": "title"}}}
    assert render(create_change(city="Rome"), personalization=named).fields == {"title": "Rome"}
    mapped = render(create_change(city="Rome"), {"title": "Ms"}, personalization=named)
    assert mapped.fields == {"title": "Ms"}


def test_an_exit_carries_no_properties() -> None:
    assert (
        render(create_change(ChangeKind.EXITED, city="Rome"), personalization=PROPERTIES).fields
        == {}
    )


def test_a_mapping_reads_the_event() -> None:
    paths = {
        "title": {"@path": "$.traits.city"},
        "custom": {"list": {"@path": "$.context.personas.external_audience_id"}},
    }
    found = render(create_change(city="Rome"), paths)
    assert found.fields == {"title": "Rome", "custom": {"list": "list_1"}}


def test_constants_are_not_mapped() -> None:
    assert render(create_change(), {"size": 3, "title": "Ms"}).fields == {"title": "Ms"}


def test_an_included_attribute_is_cleared_on_exit() -> None:
    included = {"includedAttribute": {"name": "campaign", "value": "Spring"}}
    assert render(create_change(), **included).fields == {"custom": {"campaign": "Spring"}}
    assert render(create_change(ChangeKind.EXITED), **included).traits == {"campaign": None}


def test_a_mapping_that_cannot_be_carried_out_refuses_the_record() -> None:
    mapped = {"actionId": "act-enter", "settings": {"title": {"@liquid": "{% unknown %}"}}}
    renderer = build_renderer(
        create_definition(), create_revision(destinationMapping=mapped), FRAME
    )
    found = renderer.render(create_change())
    assert isinstance(found, Refusal)
    assert found.code == "mapping_failed"
