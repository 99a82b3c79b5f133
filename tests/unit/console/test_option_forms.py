"""Forms of delivery options: what they mean to the API, and stored options as a form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.console.form_values import FormValues
from app.console.next_times import next_times
from app.console.option_forms import checked_frequency, frequency_json, options_json, texts_of
from app.core.errors import Invalid
from app.domain.frequency import Frequency
from app.domain.options import Brake, parse_brake, parse_notifications, parse_split
from app.services.activations import DeliveryOptions

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def _form(**texts: Any) -> FormValues:
    plain = {name.replace("__", "."): value for name, value in texts.items()}
    return FormValues({name: [v] if isinstance(v, str) else v for name, v in plain.items()})


@pytest.mark.parametrize(
    ("form", "json"),
    [
        (_form(), {"type": "on_run"}),
        (_form(frequency="once", frequency__moment=""), {"type": "once"}),
        (
            _form(
                frequency="once",
                frequency__moment="2026-07-01T06:30",
                frequency__zone="Europe/Berlin",
            ),
            {"type": "once", "at": "2026-07-01T04:30:00.000Z"},
        ),
        (
            _form(frequency="daily", frequency__at="06:30"),
            {"type": "daily", "at": "06:30", "zone": "UTC"},
        ),
        (_form(frequency="interval", frequency__minutes="60"), {"type": "interval", "minutes": 60}),
    ],
)
def test_a_form_is_a_frequency(form: FormValues, json: dict[str, Any]) -> None:
    assert frequency_json(form) == json
    assert checked_frequency(form, NOW).to_json().items() >= json.items()


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (_form(frequency="once", frequency__moment="soon"), "frequency.at"),
        (
            _form(frequency="once", frequency__moment="2026-07-01T06:30", frequency__zone="Berlin"),
            "frequency.zone",
        ),
        (_form(frequency="once", frequency__moment="2026-05-31T06:30"), "frequency.at"),
        (_form(frequency="daily", frequency__at="25:00"), "frequency.at"),
        (_form(frequency="interval", frequency__minutes="many"), "frequency.minutes"),
        (_form(frequency="cron", frequency__expression="R 6 * * *"), "frequency.expression"),
        (_form(frequency="odd"), "frequency.type"),
    ],
)
def test_a_fault_names_its_field(form: FormValues, field: str) -> None:
    with pytest.raises(Invalid) as fault:
        checked_frequency(form, NOW)
    assert [one.field for one in fault.value.problems] == [field]


def test_only_fields_that_were_sent_are_changed() -> None:
    assert options_json(_form(mode="append")) == {"mode": "append"}


def test_notices_of_no_event_are_sent_as_such_and_refused() -> None:
    sent = options_json(_form(notifications__emails="ada@example.com"))["notifications"]
    assert sent == {"emails": ["ada@example.com"], "on": []}
    assert isinstance(parse_notifications(sent), list)


def test_stored_options_come_back_from_their_form() -> None:
    split = {
        "arms": [
            {"name": "A", "weight": 2.5, "sent": True},
            {"name": "control", "weight": 1, "sent": False},
        ],
        "property": "part",
    }
    notices = {"emails": ["ada@example.com", "bob@example.com"], "on": ["failed", "held"]}
    options = DeliveryOptions(
        frequency=Frequency("once", "2026-12-01T06:30:00.000Z"),
        brake=Brake(max_removal_percent=12.5, min_removals=7),
        notifications=notices,
        mode="append",
        arms=split["arms"],  # type: ignore[arg-type]
        split_property="part",
        updates=True,
        list={"id": "XyZ12a"},
        consent="agreed",
        audiences=(),
        included_attribute="Spring",
        revision=1,
    )
    form = FormValues(texts_of(options))
    found = options_json(form)
    assert frequency_json(form) == options.frequency.to_json()
    assert parse_split(found["split"]) == parse_split(split)
    assert parse_brake(found["brake"]) == options.brake
    assert parse_notifications(found["notifications"]) == parse_notifications(notices)
    assert {
        name: found[name] for name in ("mode", "updates", "list", "consent", "included_attribute")
    } == {
        "mode": "append",
        "updates": True,
        "list": {"id": "XyZ12a"},
        "consent": "agreed",
        "included_attribute": "Spring",
    }


@pytest.mark.parametrize("chosen", ["none", "ab", "holdout"])
def test_usual_splits_are_accepted(chosen: str) -> None:
    split = parse_split(options_json(_form(split=chosen))["split"])
    assert not isinstance(split, list)
    assert [arm.weight for arm in split.arms] == {"none": [], "ab": [50, 50], "holdout": [90, 10]}[
        chosen
    ]
    assert [arm.sent for arm in split.arms] == {
        "none": [],
        "ab": [True, True],
        "holdout": [True, False],
    }[chosen]


def test_next_times_mark_the_change_of_the_clock() -> None:
    now = datetime(2026, 3, 27, 12, tzinfo=UTC)
    found = next_times(Frequency("daily", "06:30", "Europe/Berlin"), now)
    assert [(one.local, one.has_changed_clock) for one in found] == [
        ("Sat 28 Mar 2026, 06:30 CET", False),
        ("Sun 29 Mar 2026, 06:30 CEST", True),
        ("Mon 30 Mar 2026, 06:30 CEST", False),
    ]
    assert next_times(Frequency(), now) == []
