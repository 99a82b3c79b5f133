"""A change of a report, as pages show it."""

from __future__ import annotations

from app.console.shown_changes import shown_change


def test_each_value_is_shown_once_under_its_name() -> None:
    unsent = {"identifier": "phone", "value": "0170 1", "reason": "phone_without_country"}
    shown = shown_change(
        {
            "profileId": "p1",
            "key": "a@x.com",
            "keyType": "email",
            "identifiers": {"email": "a@x.com"},
            "fields": {
                "email": "a@x.com",
                "first_name": "Ann",
                "location": {"city": "Bonn", "zip": None},
                "tags": ["a", "b"],
                "age": 30,
            },
            "traits": {"city": "Bonn", "plan": "gold"},
            "notSent": [unsent],
        }
    )
    assert list(shown.values) == [
        ("email", "a@x.com"),
        ("first_name", "Ann"),
        ("location.city", "Bonn"),
        ("tags", "a; b"),
        ("age", "30"),
        ("plan", "gold"),
    ]
    assert shown.not_sent == [unsent]


def test_a_report_of_an_earlier_version_has_no_fields() -> None:
    shown = shown_change({"key": "p1", "keyType": "member", "traits": {}})
    assert (list(shown.values), list(shown.not_sent)) == ([], [])
