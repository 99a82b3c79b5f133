"""The columns that a revision uses: key fields and traits."""

from __future__ import annotations

from typing import Any

import pytest

from app.services.revision.mapped_columns import column_of, key_fields, read_traits
from app.snapshots.engine import KeyField
from tests.unit.services.revision.definitions import create_definition, create_revision

DEFINITION = create_definition()
ID_SYNC = [
    {"externalId": "email", "strategy": "last"},
    {"externalId": "nickname", "strategy": "first"},
]


def mapped(**settings: Any) -> dict[str, Any]:
    return {"destinationMapping": {"actionId": "act-enter", "settings": settings}}


class TestKeyFields:
    def test_leaves_out_identifiers_that_the_destination_does_not_know(self) -> None:
        assert key_fields(DEFINITION, create_revision(idSync=ID_SYNC)) == [
            KeyField("email", "last", normaliser="email", map_to="email")
        ]

    def test_a_mapped_identity_field_takes_its_value_from_the_path(self) -> None:
        revision = create_revision(idSync=ID_SYNC, **mapped(email={"@path": "$.traits.work_mail"}))
        assert key_fields(DEFINITION, revision)[0].external_id == "work_mail"

    def test_a_destination_of_members_has_none_unless_the_user_chose(self) -> None:
        files = create_definition(key="member", identity_fields=())
        assert key_fields(files, create_revision(idSync=ID_SYNC)) == ()
        chosen = create_revision(idSync=ID_SYNC, idSyncGiven=True)
        assert key_fields(files, chosen) == [
            KeyField("email", "last", "email"),  # as if the user had not chosen it
            KeyField("nickname", "first", "text"),
        ]


class TestReadTraits:
    @pytest.mark.parametrize(
        ("value", "reads"),
        [
            ({"@path": "$.traits.city"}, ["city"]),
            ({"@template": "{{traits.first_name}} {{ properties.age }}"}, ["age", "first_name"]),
            ({"@liquid": "{{ context.traits['first name'] | upcase }}"}, ["first name"]),
            ({"@arrayPath": ["$.traits.products", {"id": {"@path": "$.sku"}}]}, ["products"]),
            ({"@path": "$.traits.address.city"}, ["address.city"]),
            ({"a": [{"@path": "$.traits"}]}, None),
            ({"@path": "$.context"}, None),
            ({"@path": "$.context.personas.computation_key"}, []),
            ({"@path": {"@template": "traits.{{traits.which}}"}}, None),
        ],
    )
    def test_are_found_in_every_directive(self, value: Any, reads: list[str] | None) -> None:
        assert read_traits(create_revision(**mapped(title=value))) == reads


@pytest.mark.parametrize(
    ("pieces", "column"),
    [
        (("userId",), "user_id"),
        (("traits", "city"), "city"),
        (("context", "traits", "city"), "city"),
        (("traits", "address", "city"), None),
        (("event",), None),
    ],
)
def test_column_of_a_path(pieces: tuple[str, ...], column: str | None) -> None:
    assert column_of(pieces) == column
