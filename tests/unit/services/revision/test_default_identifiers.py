"""The identifier list of a connection for which the user chose none."""

from __future__ import annotations

from app.services.revision.default_identifiers import default_id_sync
from tests.unit.services.revision.definitions import create_definition


def test_is_the_list_of_the_definition_in_the_form_of_the_wire() -> None:
    assert default_id_sync(create_definition()) == [
        {"externalId": "email", "strategy": "last"},
        {"externalId": "user_id", "strategy": "last", "mapTo": "external_id"},
    ]
