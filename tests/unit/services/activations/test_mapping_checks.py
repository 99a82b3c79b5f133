"""Warnings about names in a revision: what is unknown is named with what is meant, and what the service adds is known."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors import registry
from app.services.activations.mapping_checks import Members, added_names, name_warnings
from app.services.revision import Revision

COLUMNS = ["email", "city", "address.zip"]


def found(mapping: dict[str, Any] | None = None, **config: Any) -> list[tuple[str, str]]:
    settings = {"actionId": "webhook-send", "settings": mapping or {}}
    stored = {"activationType": "All Events", "destinationMapping": settings, **config}
    revision = Revision.parse(stored)
    definition = registry.get("webhook").definition
    added = added_names(definition, revision, ["buyers"])
    warnings = name_warnings(definition, revision, Members([COLUMNS], added))
    return [(one.code.value, one.field.rpartition("/")[2]) for one in warnings]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("$.traits.city", None),
        ("$.traits.City", None),
        ("$.traits.buyers", None),  # the key of the audience
        ("$.properties.split_arm", None),  # the arm of the split
        ("$.traits.address.zip", None),
        ("$.context.personas.computation_key", None),
        ("$.userId", None),
        ("$.", None),  # the whole event
        ("$.traits.ciyt", "unknown_path"),
        ("$.trait.city", "unknown_path"),
        ("$.context.trait.city", "unknown_path"),
        ("$.email", "unknown_path"),
    ],
)
def test_a_path_is_known_if_events_have_it(path: str, code: str | None) -> None:
    arms = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
    warned = found({"data": {"x": {"@path": path}}}, split=arms)
    assert warned == ([(code, "data")] if code else [])


def test_templates_fields_and_consent() -> None:
    assert found({"data": {"x": {"@template": "{{traits.ciyt}}"}}}) == [("unknown_path", "data")]
    # A template's own variables are no paths.
    assert found({"data": {"@liquid": "{% assign x = traits.city %}{{ x }}"}}) == []
    assert found({"dta": 1}) == [("unknown_field", "dta")]
    assert found(consent="newsleter") == [("unknown_trait", "consent")]


def test_nothing_is_unknown_before_an_audience_was_computed() -> None:
    assert not Members([]).lacks("ciyt")
    assert Members([COLUMNS, ["age"]]).lacks("ciyt")
    assert not Members([COLUMNS, ["ciyt"]]).lacks("ciyt")
