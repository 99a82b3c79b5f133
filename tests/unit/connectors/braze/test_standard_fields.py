from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.connectors.destinations.braze.payloads import attributes
from app.connectors.destinations.braze.standard_fields import EXPECTED, in_form
from app.domain.changes import ChangeKind
from tests.unit.connectors.create import create_call, create_delivery


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("gender", "Female", "F"),
        ("gender", " male ", "M"),
        ("gender", "Non-Binary", "O"),
        ("gender", "prefer_not_to_say", "P"),
        ("gender", "weiblich", "F"),
        ("gender", "N", "N"),
        ("gender", "unknown", None),
        ("gender", 1, None),
        ("dob", "1990-05-01T00:00:00.000Z", "1990-05-01"),
        ("dob", "1990-05-01 12:30", "1990-05-01"),
        ("dob", "1990-05-01", "1990-05-01"),
        ("dob", datetime(1990, 5, 1, 23, tzinfo=UTC), "1990-05-01"),
        ("dob", date(1990, 5, 1), "1990-05-01"),
        ("dob", "1990-02-30", None),
        ("dob", "05/01/1990", None),
        ("dob", 641520000, None),
        ("country", "Germany", "DE"),
        ("country", "de", "DE"),
        ("country", "Côte d'Ivoire", "CI"),
        ("country", "Bosnia and Herzegovina", "BA"),
        ("country", "USA", "US"),
        ("country", "Turkey", "TR"),
        ("country", "UK", "GB"),
        ("country", "XX", None),
        ("country", "Atlantis", None),
        ("language", "de-DE", "de"),
        ("language", "pt_BR", "pt"),
        ("language", "EN", "en"),
        ("language", "zh-Hant-TW", "zh"),
        ("language", "en_US.UTF-8", "en"),
        ("language", "German", None),
        ("language", "xx-XX", None),
        ("time_zone", "CET", "CET"),
        ("time_zone", "europe/berlin", "Europe/Berlin"),
        ("time_zone", "+01:00", None),
        ("time_zone", "Mars/Base", None),
        ("first_name", "Female", "Female"),
        ("gender", None, None),
    ],
)
def test_values_in_brazes_form(name: str, value: Any, expected: Any) -> None:
    assert in_form(name, value) == expected


def test_what_has_no_form_is_left_out_with_the_reason() -> None:
    fields = {
        "gender": "Female",
        "country": "Atlantis",
        "custom_attributes": {"dob": "1.5.90", "tier": "x"},
    }
    one = create_delivery(
        "u1", key_type="external_id", identifiers={"external_id": "u1"}, fields=fields
    )
    (row,), skipped, notes = attributes(create_call(), [one])
    assert row.content == {"external_id": "u1", "gender": "F", "tier": "x", "audience_vip": True}
    assert skipped == {}
    assert notes[0].code == "field_left_out"
    assert EXPECTED["dob"] in notes[0].message
    assert EXPECTED["country"] in notes[0].message


def test_an_update_of_a_field_that_has_no_form_sends_nothing() -> None:
    one = create_delivery(
        "u1",
        kind=ChangeKind.UPDATED,
        key_type="external_id",
        identifiers={"external_id": "u1"},
        fields={"language": "Klingon"},
    )
    rows, _, notes = attributes(create_call(kind=ChangeKind.UPDATED), [one])
    assert rows == []
    assert list(notes) == [0]
