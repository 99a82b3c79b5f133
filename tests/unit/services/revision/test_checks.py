"""A mapping is checked when it is saved: every fault by its JSON pointer, all of them at once."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors import registry
from app.connectors.base import Action, ActionField, Definition, IdentityField
from app.core.errors import Invalid
from app.services.revision.checks import check_connection_settings, check_mapping

ACTION = Action(
    "act-1",
    "print",
    "Print",
    "Prints a card.",
    (
        ActionField("title", "Title", "STRING", required=True),
        ActionField("size", "Size", "STRING", required=True, default="A6"),
        ActionField("batch_size", "Batch size", "INTEGER", constant=True),
        ActionField("email", "E-mail", "STRING"),
    ),
)
DEFINITION = Definition(
    slug="postcards",
    name="Postcards",
    description="Prints cards.",
    metadata_id="66a1f0c2d4b8e90011aaffff",
    audience_types=("USERS",),
    actions=(ACTION,),
    identity_fields=(IdentityField("email", "email", "email"),),
)
FINE: dict[str, Any] = {"title": "Hello", "email": {"@path": "$.traits.email"}}


def faults(settings: dict[str, Any]) -> list[str | None]:
    with pytest.raises(Invalid) as caught:
        check_mapping(DEFINITION, {"actionId": "act-1", "settings": settings})
    return [problem.field for problem in caught.value.problems]


def test_a_mapping_that_fits_passes() -> None:
    check_mapping(DEFINITION, {"actionId": "act-1", "settings": FINE})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": None}, "title"),
        ({"size": None}, "size"),
        ({"batch_size": {"@path": "$.traits.size"}}, "batch_size"),
        ({"email": {"@template": "{{traits.email}}"}}, "email"),
        ({"email": None}, "email"),
        ({"title": {"@path": 5}}, "title/@path"),
    ],
)
def test_a_fault_is_named_by_its_pointer(change: dict[str, Any], field: str) -> None:
    assert f"/destinationMapping/settings/{field}" in faults({**FINE, **change})


def test_all_faults_are_named_at_once() -> None:
    wrong = {"batch_size": {"@path": "$.x"}, "email": 5}
    assert faults(wrong) == [
        f"/destinationMapping/settings/{field}" for field in ("title", "batch_size", "email")
    ]


def test_settings_of_a_connection_are_refused_with_the_known_names_and_their_form() -> None:
    connector = registry.get("braze")
    for settings, words in (
        ({"list": "x"}, "is not a field here. The fields are phone_country, segment_id,"),
        ({"segmentid": "x"}, "Did you mean segment_id?"),
        ({"segment_id": "?"}, "is not in the right form. Optional: 8 to 64 letters, digits and"),
        ({"batch_size": "many"}, "must be a whole number, not text"),
    ):
        with pytest.raises(Invalid) as caught:
            check_connection_settings(connector, settings)
        (problem,) = caught.value.problems
        assert problem.field == f"connectionSettings.{next(iter(settings))}"
        assert words in problem.message
