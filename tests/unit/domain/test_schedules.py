"""When a schedule is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.schedules import INTERVALS, in_words, next_due, normal, problems_of

MOMENTS = st.integers(int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()), 2_051_222_400).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def days(
    *wanted: int, hours: tuple[int, ...] = (2,), zone: str = "Europe/Berlin"
) -> dict[str, Any]:
    return {"days": list(wanted), "hours": list(hours), "timezone": zone}


class TestNextDue:
    @pytest.mark.parametrize(
        ("interval", "after", "due"),
        [
            ("15m", "2026-11-22T10:14:59", "2026-11-22T10:15:00"),
            ("15m", "2026-11-22T10:15:00", "2026-11-22T10:30:00"),
            ("8h", "2026-11-22T10:00:00", "2026-11-22T16:00:00"),
            ("1d", "2026-11-22T00:00:00", "2026-11-23T00:00:00"),
        ],
    )
    def test_intervals_are_aligned(self, interval: str, after: str, due: str) -> None:
        assert next_due({"interval": interval}, utc(after)) == utc(due)

    @pytest.mark.parametrize(
        ("config", "after", "due"),
        [
            # 2026-11-22 is a Sunday; Berlin is an hour ahead of UTC in winter.
            (days(0), "2026-11-22T00:59:59", "2026-11-22T01:00:00"),
            (days(0), "2026-11-22T01:00:00", "2026-11-29T01:00:00"),
            (days(1, 3, hours=(0, 23)), "2026-11-22T12:00:00", "2026-11-22T23:00:00"),
            # The clock skips 02:00 to 03:00 on 2026-03-29: due at 03:00 local, 01:00 UTC.
            (days(0), "2026-03-28T12:00:00", "2026-03-29T01:00:00"),
            # It repeats 02:00 to 03:00 on 2026-10-25: due once, the first time, 00:00 UTC.
            (days(0), "2026-10-24T12:00:00", "2026-10-25T00:00:00"),
            (days(0), "2026-10-25T00:00:00", "2026-11-01T01:00:00"),
            (
                days(6, hours=(23,), zone="Pacific/Kiritimati"),
                "2026-11-22T12:00:00",
                "2026-11-28T09:00:00",
            ),
        ],
    )
    def test_days_are_those_of_the_zone(self, config: dict[str, Any], after: str, due: str) -> None:
        assert next_due(config, utc(after)) == utc(due)

    @given(
        after=MOMENTS,
        wanted=st.sets(st.integers(0, 6), min_size=1),
        hours=st.sets(st.integers(0, 23), min_size=1),
        zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    )
    def test_is_later_and_within_a_week(
        self, after: datetime, wanted: set[int], hours: set[int], zone: str
    ) -> None:
        due = next_due(days(*wanted, hours=tuple(hours), zone=zone), after)
        assert after < due <= after + timedelta(days=7, hours=2)
        local = due.astimezone(ZoneInfo(zone))
        assert local.isoweekday() % 7 in wanted
        assert local.hour in hours or local.hour - 1 in hours

    @given(
        after=MOMENTS,
        interval=st.sampled_from(sorted(INTERVALS)),
    )
    def test_intervals_follow_each_other(self, after: datetime, interval: str) -> None:
        due = next_due({"interval": interval}, after)
        assert after < due <= after + INTERVALS[interval]
        assert next_due({"interval": interval}, due) == due + INTERVALS[interval]


class TestInWords:
    @pytest.mark.parametrize("interval", INTERVALS)
    def test_each_interval_has_words(self, interval: str) -> None:
        assert in_words({"interval": interval}).startswith("every ")

    def test_days_and_hours(self) -> None:
        assert in_words(days(1, 3, hours=(6, 18))) == "Mon, Wed at 06:00, 18:00 (Europe/Berlin)"
        assert in_words(days(*range(7), hours=(0,))) == "daily at 00:00 (Europe/Berlin)"


class TestProblemsOf:
    @pytest.mark.parametrize(
        ("strategy", "config", "fields"),
        [
            ("PERIODIC", {"interval": "1h"}, []),
            ("PERIODIC", {"interval": "3h"}, ["config.interval"]),
            ("PERIODIC", {}, ["config.interval"]),
            ("PERIODIC", {"interval": ["1h"]}, ["config.interval"]),
            ("SPECIFIC_DAYS", days(0), []),
            ("SPECIFIC_DAYS", days(7), ["config.days"]),
            ("SPECIFIC_DAYS", days(), ["config.days"]),
            ("SPECIFIC_DAYS", days(0, hours=(24,)), ["config.hours"]),
            ("SPECIFIC_DAYS", days(0, zone="Mars/Base"), ["config.timezone"]),
            ("SPECIFIC_DAYS", days(0, zone="../etc/passwd"), ["config.timezone"]),
            ("SPECIFIC_DAYS", days(0, zone="x" * 5000), ["config.timezone"]),
            (
                "SPECIFIC_DAYS",
                {"days": [True], "hours": [1.0], "timezone": 1},
                ["config.days", "config.hours", "config.timezone"],
            ),
            ("HOURLY", {}, ["strategy"]),
        ],
    )
    def test_names_the_field(
        self, strategy: str, config: dict[str, Any], fields: list[str]
    ) -> None:
        assert [problem.field for problem in problems_of(strategy, config)] == fields

    def test_normal_sorts_and_drops(self) -> None:
        assert normal("SPECIFIC_DAYS", {**days(3, 1, 3), "x": 1}) == days(1, 3)
