"""Columns of members for the fields of an action: by the default mapping, and by usual names."""

from __future__ import annotations

import pytest

from app.connectors.destinations.braze.definition import DEFINITION as BRAZE
from app.connectors.destinations.klaviyo.definition import ADD
from app.connectors.destinations.klaviyo.definition import DEFINITION as KLAVIYO
from app.services.revision import field_columns


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["first_name"], {"first_name": ("first_name", "")}),
        (["First Name", "LASTNAME"], {"first_name": ("First Name", ""), "last_name": ("LASTNAME", "")}),
        (["Vorname", "Nachname"], {"first_name": ("", "Vorname"), "last_name": ("", "Nachname")}),
        (["firstName", "Vorname"], {"first_name": ("firstName", "")}),
        (["Vorname", "given name"], {}),
        (["name"], {}),
        (["Firma"], {"organization": ("", "Firma")}),
        (["company.name"], {"organization": ("company.name", "")}),
        (["plan", "email", "phone"], {}),
    ],
)  # fmt: skip
def test_a_field_gets_one_column_that_means_it(
    columns: list[str], found: dict[str, tuple[str, str]]
) -> None:
    fields = field_columns(KLAVIYO, ADD, dict.fromkeys(columns, "VARCHAR"))
    assert {one.field.key: (one.default, one.proposed) for one in fields if one.default or one.proposed} == found  # fmt: skip


def test_a_column_is_proposed_once_and_never_with_parts() -> None:
    fields = field_columns(BRAZE, BRAZE.actions[0], {"Ort": "VARCHAR", "Geburtsdatum": "DATE"})
    assert {one.field.key: one.proposed for one in fields if one.proposed} == {
        "home_city": "Ort",
        "dob": "Geburtsdatum",
    }
    for kind in ("STRUCT(name VARCHAR)", "VARCHAR[]", "JSON"):
        fields = field_columns(KLAVIYO, ADD, {"company": kind})
        assert not any(one.proposed for one in fields), kind


def test_identity_fields_and_constants_get_no_proposal() -> None:
    keys = {one.field.key for one in field_columns(KLAVIYO, ADD, {})}
    assert not keys & {"email", "phone_number", "external_id", "list_id", "batch_size", "location"}
