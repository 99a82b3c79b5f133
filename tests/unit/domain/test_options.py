from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from app.core.errors import Problem
from app.domain.changes import Mode
from app.domain.frequency import Frequency, next_due, parse_frequency, past_fault
from app.domain.options import (
    DEFAULT_OPTIONS,
    Brake,
    Notifications,
    Split,
    SplitArm,
    brake_of,
    frequency_of,
    parse_brake,
    parse_consent,
    parse_list,
    parse_mode,
    parse_notifications,
    parse_split,
    with_brake,
)


def fields(parsed: Any) -> list[str | None]:
    assert isinstance(parsed, list)
    assert all(isinstance(item, Problem) and item.message for item in parsed)
    return [item.field for item in parsed]


class TestDefaults:
    def test_are_those_of_the_interface(self) -> None:
        assert DEFAULT_OPTIONS == {
            "frequency": {"type": "on_run"},
            "brake": {
                "enabled": True,
                "maxRemovalPercent": 30,
                "minRemovals": 10,
                "holdEmptyFrom": 2,
            },
            "brakeLimits": [],
            "notifications": {},
        }

    def test_are_read_back(self) -> None:
        assert brake_of(DEFAULT_OPTIONS) == Brake() == brake_of({}) == brake_of(None)
        assert frequency_of(DEFAULT_OPTIONS) == Frequency() == frequency_of(None)

    def test_malformed_stored_options_become_the_defaults(self) -> None:
        assert brake_of({"brake": {"enabled": "no"}}) == Brake()
        assert frequency_of({"frequency": {"type": "cron"}}) == Frequency()


class TestChosenLimits:
    FORMER: ClassVar = {
        "enabled": True,
        "maxRemovalPercent": 30,
        "minRemovals": 100,
        "holdEmptyFrom": 10,
    }

    def test_former_defaults_count_as_not_set(self) -> None:
        assert brake_of({"brake": self.FORMER}) == Brake()
        assert brake_of({"brake": {**self.FORMER, "enabled": False}}) == Brake(enabled=False)

    def test_limits_of_a_user_stay(self) -> None:
        stored = {**self.FORMER, "minRemovals": 5000}
        assert brake_of({"brake": stored}) == Brake(min_removals=5000)

    def test_a_limit_that_equals_a_former_default_stays_when_a_user_sets_it(self) -> None:
        options = with_brake({"brake": self.FORMER}, {"minRemovals": 100})
        assert isinstance(options, dict)
        assert brake_of(options) == Brake(min_removals=100)
        later = with_brake(options, {"enabled": False})
        assert isinstance(later, dict)
        assert brake_of(later) == Brake(enabled=False, min_removals=100)

    def test_a_change_of_one_limit_sets_no_other(self) -> None:
        options = with_brake({"brake": self.FORMER}, {"maxRemovalPercent": 50})
        assert isinstance(options, dict)
        assert options["brakeLimits"] == ["maxRemovalPercent"]
        assert brake_of(options) == Brake(max_removal_percent=50)


class TestBrake:
    def test_merges_into_the_stored_brake(self) -> None:
        base = Brake(min_removals=7)
        assert parse_brake({"enabled": False}, base=base) == Brake(enabled=False, min_removals=7)

    def test_survives_a_round(self) -> None:
        brake = Brake(False, 12.5, 3, 4)
        assert parse_brake(brake.to_json()) == brake

    @pytest.mark.parametrize(
        ("value", "field"),
        [
            ([], "brake"),
            ({"enabled": "yes"}, "brake.enabled"),
            ({"enabled": 1}, "brake.enabled"),
            ({"maxRemovalPercent": 101}, "brake.maxRemovalPercent"),
            ({"maxRemovalPercent": -1}, "brake.maxRemovalPercent"),
            ({"maxRemovalPercent": True}, "brake.maxRemovalPercent"),
            ({"maxRemovalPercent": float("nan")}, "brake.maxRemovalPercent"),
            ({"minRemovals": 0}, "brake.minRemovals"),
            ({"minRemovals": 1.5}, "brake.minRemovals"),
            ({"holdEmptyFrom": 0}, "brake.holdEmptyFrom"),
            ({"limit": 3}, "brake.limit"),
        ],
    )
    def test_names_what_is_wrong(self, value: Any, field: str) -> None:
        assert fields(parse_brake(value)) == [field]


class TestNotifications:
    def test_there_are_no_recipients_by_default(self) -> None:
        parsed = parse_notifications({})
        assert parsed == Notifications()
        assert isinstance(parsed, Notifications)
        assert parsed.to_json() == {}

    def test_survives_a_round(self) -> None:
        told = Notifications(("a@example.com",), "64f0", ("held", "error"))
        assert parse_notifications(told.to_json()) == told

    @pytest.mark.parametrize(
        ("value", "field"),
        [
            ("x", "notifications"),
            ({"emails": "a@example.com"}, "notifications.emails"),
            ({"emails": ["nobody"]}, "notifications.emails"),
            ({"emails": ["a@b\r\nBcc: c@d"]}, "notifications.emails"),
            ({"on": ["always"]}, "notifications.on"),
            ({"destinationId": 3}, "notifications.destinationId"),
            ({"url": "http://x"}, "notifications.url"),
            ({"on": ["failed"]}, "notifications"),
            ({"on": ["failed"], "emails": []}, "notifications"),
            ({"on": [], "emails": ["a@example.com"]}, "notifications.on"),
        ],
    )
    def test_names_what_is_wrong(self, value: Any, field: str) -> None:
        assert fields(parse_notifications(value)) == [field]


class TestRevisionOptions:
    def test_a_split_has_named_and_weighted_arms(self) -> None:
        value = {
            "arms": [
                {"name": "A", "weight": 90},
                {"name": "control", "weight": 10, "sent": False},
            ]
        }
        assert parse_split(value) == Split(
            (SplitArm("A", 90, True), SplitArm("control", 10, False))
        )
        assert parse_split(None) == Split()

    @pytest.mark.parametrize(
        ("value", "field"),
        [
            ("50/50", "split"),
            ({}, "split.arms"),
            ({"arms": [{"name": "A", "weight": 1}]}, "split.arms"),
            ({"arms": [{"name": "A", "weight": 1}, {"name": "A", "weight": 1}]}, "split.arms"),
            ({"arms": [{"name": "A", "weight": 1}, {"name": "", "weight": 1}]}, "split.arms.1.name"),
            ({"arms": [{"name": "A", "weight": 1}, {"name": " \u200b", "weight": 1}]}, "split.arms.1.name"),
            ({"arms": [{"name": "A", "weight": 1}, {"name": "B", "weight": 1}], "property": " "}, "split.property"),
            ({"arms": [{"name": "A", "weight": 0}, {"name": "B", "weight": 1}]}, "split.arms.0.weight"),
            ({"arms": [{"name": "A", "weight": 1, "sent": False}, {"name": "B", "weight": 1, "sent": False}]}, "split.arms"),
            ({"arms": [{"name": "A", "weight": 1, "listId": "L1"}, {"name": "B", "weight": 1}]}, "split.arms.0.listId"),
        ],
    )  # fmt: skip
    def test_a_wrong_split_names_the_arm(self, value: Any, field: str) -> None:
        assert fields(parse_split(value)) == [field]

    def test_mode_list_and_consent(self) -> None:
        assert parse_mode("append") is Mode.APPEND
        assert fields(parse_mode("mirror")) == ["mode"]
        assert fields(parse_mode(["append"])) == ["mode"]
        assert parse_list({"id": "L1"}) == {"id": "L1"}
        assert parse_list(None) is None
        assert fields(parse_list({"name": "x"})) == ["list.name", "list.id"]
        assert parse_consent("newsletter") == "newsletter"
        assert parse_consent(None) is None
        assert fields(parse_consent(True)) == ["consent"]
        assert fields(parse_consent(" ")) == ["consent"]
        assert fields(parse_list({"id": "\t"})) == ["list.id"]


class TestFrequency:
    @pytest.mark.parametrize(
        "value",
        [
            {"type": "on_run"},
            {"type": "once"},
            {"type": "once", "at": "2026-03-01T06:00:00.000Z"},
            {"type": "daily", "at": "06:30", "zone": "Europe/Berlin"},
            {"type": "interval", "minutes": 15},
            {"type": "cron", "expression": "*/5 8-18 * * 1-5", "zone": "America/New_York"},
        ],
    )
    def test_survives_a_round(self, value: dict[str, Any]) -> None:
        parsed = parse_frequency(value)
        assert isinstance(parsed, Frequency)
        assert parsed.to_json() == value

    @pytest.mark.parametrize(
        ("value", "field"),
        [
            (7, "frequency"),
            ({}, "frequency.type"),
            ({"type": "hourly"}, "frequency.type"),
            ({"type": ["daily"]}, "frequency.type"),
            ({"type": "daily"}, "frequency.at"),
            ({"type": "daily", "at": "24:00"}, "frequency.at"),
            ({"type": "daily", "at": "06:30", "zone": "Mars/Olympus"}, "frequency.zone"),
            ({"type": "daily", "at": "06:30", "zone": "../etc/passwd"}, "frequency.zone"),
            ({"type": "interval", "minutes": 0}, "frequency.minutes"),
            ({"type": "interval", "minutes": "15"}, "frequency.minutes"),
            ({"type": "cron", "expression": "every day"}, "frequency.expression"),
            ({"type": "cron", "expression": "* * * * * *"}, "frequency.expression"),
            ({"type": "cron", "expression": "0 0 31 2 *"}, "frequency.expression"),
            ({"type": "once", "at": "2026-03-01T06:00:00"}, "frequency.at"),
            ({"type": "once", "at": "0001-01-01T00:00:00+14:00"}, "frequency.at"),
            ({"type": "on_run", "minutes": 5}, "frequency.minutes"),
        ],
    )
    def test_names_what_is_wrong(self, value: Any, field: str) -> None:
        assert fields(parse_frequency(value)) == [field]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


class TestPast:
    def test_a_time_that_is_past_is_named(self) -> None:
        now = at("2026-03-01T06:10:00Z")
        assert "is past: 2026-03-01 06:00 UTC" in past_fault(
            Frequency("once", at="2026-03-01T06:00:00.000Z"), now
        )
        for fits in ("2026-03-01T06:08:00.000Z", "2027-01-01T00:00:00.000Z"):
            assert past_fault(Frequency("once", at=fits), now) == ""
        assert past_fault(Frequency("daily", at="06:00"), now) == ""


class TestNextDue:
    def test_runs_have_no_clock(self) -> None:
        assert next_due(Frequency(), at("2026-01-01T00:00:00Z")) is None
        assert next_due(Frequency("once"), at("2026-01-01T00:00:00Z")) is None

    def test_an_interval_counts_from_the_last(self) -> None:
        moment = at("2026-01-01T00:00:00Z")
        assert next_due(Frequency("interval", minutes=15), moment) == moment + timedelta(minutes=15)

    @pytest.mark.parametrize(
        ("after", "due"),
        [
            ("2026-03-28T01:00:00Z", "2026-03-28T01:30:00Z"),
            ("2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z"),  # 02:30 does not exist: 03:00 summer time
            ("2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"),
            ("2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z"),  # 02:30 comes twice: the first
            ("2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ],
    )  # fmt: skip
    def test_a_daily_time_comes_once_over_clock_changes(self, after: str, due: str) -> None:
        daily = Frequency("daily", at="02:30", zone="Europe/Berlin")
        assert next_due(daily, at(after)) == at(due)

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
    @pytest.mark.parametrize("time", ["00:00", "01:30", "02:00", "02:30", "03:00", "23:59"])
    def test_each_day_of_two_years_has_exactly_one(self, zone: str, time: str) -> None:
        daily = Frequency("daily", at=time, zone=zone)
        moment, days = at("2025-01-01T00:00:00Z"), []
        while moment < at("2027-01-01T00:00:00Z"):
            due = next_due(daily, moment)
            assert due is not None
            assert due > moment
            moment = due
            days.append(moment.astimezone(ZoneInfo(zone)).date())
        assert len(days) == len(set(days))
        assert (days[-1] - days[0]).days == len(days) - 1
