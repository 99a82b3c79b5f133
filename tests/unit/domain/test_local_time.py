"""Which cron expressions are accepted, and when they match: facts that another library or release must not change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from app.domain.local_time import is_cron, is_steady, is_zone, is_zone_everywhere, next_match

REFUSED = [
    "",
    "@daily",
    "* * * *",
    "* * * * * *",
    "@daily * * * *",
    "every day at six o'clock",
    "60 * * * *",
    "0 24 * * *",
    "0 0 0 * *",
    "0 0 1 13 *",
    "0 0 * * 8",
    "-1 * * * *",
    "1.5 * * * *",
    "1--2 * * * *",
    "*/0 * * * *",
    "5/ * * * *",
    ", * * * *",
    "a * * * *",
    "H * * * *",
    "? * * * *",
    "0 0 * foo *",
    "0 0 L-3 * *",
    "0 0 LW * *",
    "0 0 * * L",
    "0 0 * * 5L",
    "0 0 * * mon#6",
    "0 0 * * *\u00a0",
    "\u0663 * * * *",
    # days that never come
    "0 0 30 2 *",
    "0 0 31 2 *",
    "0 0 31 4,6,9,11 *",
    f"{','.join(['0'] * 130)} * * * *",
]


class TestIsCron:
    @pytest.mark.parametrize("expression", REFUSED)
    def test_refuses(self, expression: str) -> None:
        assert not is_cron(expression)


class TestIsZone:
    @pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Salta"])
    def test_knows(self, name: str) -> None:
        assert is_zone(name)

    @pytest.mark.parametrize(
        "name", ["", ".", "/", "Europe", "Mars/Base", "../UTC", "a\0b", "x" * 5000]
    )
    def test_refuses(self, name: str) -> None:
        assert not is_zone(name)


class TestTheSameOnEachHost:
    @pytest.mark.parametrize("expression", ["R * * * *", "0 r * * *", "R(1-5) * * * *"])
    def test_random_times_are_not(self, expression: str) -> None:
        assert is_cron(expression), "stored ones keep their times"
        assert not is_steady(expression)

    @pytest.mark.parametrize("expression", ["0 6 * mar fri", "0 6 * APR-OCT *", "0 0 ? * L5"])
    def test_names_with_an_r_are(self, expression: str) -> None:
        assert is_steady(expression)

    @pytest.mark.parametrize("name", ["localtime", "Factory", "posixrules", "right/UTC"])
    def test_zones_of_a_host_are_not(self, name: str) -> None:
        assert not is_zone_everywhere(name)
        assert is_zone_everywhere("Europe/Berlin")


class TestNextMatch:
    @pytest.mark.parametrize(
        ("expression", "local"),
        [
            # 2026-01-01 is a Thursday.
            ("*/20 * * * *", ["01-01 00:20", "01-01 00:40", "01-01 01:00"]),
            ("0 22-2 * * *", ["01-01 01:00", "01-01 02:00", "01-01 22:00"]),
            ("0 0 * * fri-mon", ["01-02 00:00", "01-03 00:00", "01-04 00:00"]),
            ("0 0 * * 0", ["01-04 00:00", "01-11 00:00", "01-18 00:00"]),
            ("0 0 * * 7", ["01-04 00:00", "01-11 00:00", "01-18 00:00"]),
            # A day of the month and a weekday: one of the two is enough.
            ("0 6 13 * mon", ["01-05 06:00", "01-12 06:00", "01-13 06:00"]),
            ("0 6 */10 * 1", ["01-01 06:00", "01-05 06:00", "01-11 06:00"]),
            ("0 0 31 2 mon", ["02-02 00:00", "02-09 00:00", "02-16 00:00"]),
            ("0 0 L * *", ["01-31 00:00", "02-28 00:00", "03-31 00:00"]),
            ("0 0 15W 8 *", ["08-14 00:00"]),
            ("0 0 ? * 5#2", ["01-09 00:00", "02-13 00:00", "03-13 00:00"]),
            ("0 0 * * L5", ["01-30 00:00", "02-27 00:00", "03-27 00:00"]),
            ("0 0 1 JAN-MAR *", ["02-01 00:00", "03-01 00:00"]),
        ],
    )
    def test_follows_the_expression(self, expression: str, local: list[str]) -> None:
        assert is_cron(expression)
        moment = datetime(2026, 1, 1, 0, 0, tzinfo=UTC)
        for text in local:
            moment = next_match(expression, "UTC", moment)
            assert moment == datetime.fromisoformat(f"2026-{text.replace(' ', 'T')}:00Z")

    def test_finds_a_leap_day(self) -> None:
        due = next_match("0 0 29 2 *", "UTC", datetime(2026, 1, 1, tzinfo=UTC))
        assert due == datetime(2028, 2, 29, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("zone", "expression", "after", "due"),
        [
            # Berlin skips 02:00 to 03:00 on 2026-03-29: a skipped time fires when the clock goes on.
            ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00Z", "2026-03-29T01:00Z"),
            ("Europe/Berlin", "0 2 * * *", "2026-03-28T12:00Z", "2026-03-29T01:00Z"),
            ("Europe/Berlin", "30 2 * * *", "2026-03-29T01:00Z", "2026-03-30T00:30Z"),
            ("Europe/Berlin", "*/15 2 * * *", "2026-03-29T01:00Z", "2026-03-30T00:00Z"),
            ("Europe/Berlin", "0 2,3 * * *", "2026-03-29T01:00Z", "2026-03-30T00:00Z"),
            # It repeats 02:00 to 03:00 on 2026-10-25: only the first time counts.
            ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00Z", "2026-10-25T00:30Z"),
            ("Europe/Berlin", "30 2 * * *", "2026-10-25T00:30Z", "2026-10-26T01:30Z"),
            ("Europe/Berlin", "0 0-23 * * *", "2026-10-25T00:00Z", "2026-10-25T02:00Z"),
            # Lord Howe Island changes its clock by half an hour.
            ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00Z", "2026-10-03T15:30Z"),
            # Brazil skipped the hour after midnight, and repeated the hour before it.
            ("America/Sao_Paulo", "30 0 * * *", "2018-11-04T00:00Z", "2018-11-04T03:00Z"),
            ("America/Sao_Paulo", "30 23 * * *", "2018-02-17T12:00Z", "2018-02-18T01:30Z"),
            ("America/Sao_Paulo", "30 23 * * *", "2018-02-18T01:30Z", "2018-02-19T02:30Z"),
            # Samoa skipped 30 December 2011.
            ("Pacific/Apia", "30 12 * * *", "2011-12-29T23:00Z", "2011-12-30T10:00Z"),
            ("America/New_York", "30 2 * * 0", "2026-03-08T00:00Z", "2026-03-08T07:00Z"),
        ],
    )  # fmt: skip
    def test_keeps_its_rule_over_clock_changes(
        self, zone: str, expression: str, after: str, due: str
    ) -> None:
        found = next_match(expression, zone, datetime.fromisoformat(after))
        assert found == datetime.fromisoformat(due)

    def test_is_later_than_a_moment_between_two_minutes(self) -> None:
        after = datetime(2026, 5, 1, 10, 15, 0, 1, ZoneInfo("Asia/Kolkata"))
        due = next_match("15 10 * * *", "Asia/Kolkata", after)
        assert due == datetime(2026, 5, 2, 4, 45, tzinfo=UTC)


MINUTE = timedelta(minutes=1)


class TestPace:
    """Patterns whose hour field is ``*`` or ``*/n`` fire by elapsed time."""

    def test_keeps_its_quarter_hours_through_the_repeated_hour(self) -> None:
        walked = walk("*/15 * * * *", "Europe/Berlin", "2026-10-25T00:45Z", 4)
        assert [f"{one:%H:%M}" for one in walked] == ["01:00", "01:15", "01:30", "01:45"]

    @pytest.mark.parametrize(
        ("zone", "before"),
        [
            ("Europe/Berlin", "2026-10-24T20:00Z"),
            ("Europe/Berlin", "2026-03-28T20:00Z"),
            ("Australia/Lord_Howe", "2027-04-03T11:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T12:00Z"),
            ("America/Sao_Paulo", "2018-02-17T22:00Z"),
            ("America/Sao_Paulo", "2018-11-03T23:00Z"),
            ("America/Havana", "2026-11-01T02:00Z"),
            ("Pacific/Apia", "2011-12-30T06:00Z"),
        ],
    )
    def test_no_gap_is_longer_than_the_step_and_no_moment_comes_twice(
        self, zone: str, before: str
    ) -> None:
        for expression, minutes in (("*/10 * * * *", 10), ("7 * * * *", 60), ("0 */2 * * *", 120)):
            walked = walk(expression, zone, before, 40 * 60 // minutes)
            gaps = [later - earlier for earlier, later in pairwise(walked)]
            # The pattern starts again at the midnight after the change, so one gap may be shorter.
            assert max(gaps) == minutes * MINUTE
            assert sum(gap < minutes * MINUTE for gap in gaps) <= 1
            assert min(gaps) > 0 * MINUTE

    def test_every_six_hours(self) -> None:
        autumn = walk("0 */6 * * *", "Europe/Berlin", "2026-10-24T21:00Z", 7)
        assert [f"{one:%d %H}" for one in autumn] == [
            "24 22", "25 04", "25 10", "25 16", "25 22", "25 23", "26 05"
        ]  # fmt: skip
        spring = walk("0 */6 * * *", "Europe/Berlin", "2026-03-28T22:00Z", 5)
        assert [f"{one:%d %H}" for one in spring] == ["28 23", "29 05", "29 11", "29 17", "29 22"]

    def test_the_date_fields_still_decide_the_day(self) -> None:
        walked = walk("0 * 25 10 *", "Europe/Berlin", "2026-10-24T12:00Z", 26)
        assert walked[0] == datetime(2026, 10, 24, 22, tzinfo=UTC)
        assert walked[24] == datetime(2026, 10, 25, 22, tzinfo=UTC)
        assert walked[25] == datetime(2027, 10, 24, 22, tzinfo=UTC)

    def test_a_short_interval_starts_again_each_midnight(self) -> None:
        walked = walk("0 */5 * * *", "Asia/Kolkata", "2026-05-01T18:29Z", 6)
        place = ZoneInfo("Asia/Kolkata")
        assert [one.astimezone(place).hour for one in walked] == [0, 5, 10, 15, 20, 0]


def walk(expression: str, zone: str, after: str, count: int) -> list[datetime]:
    """Return the next moments of an expression."""
    found, moment = [], datetime.fromisoformat(after)
    for _ in range(count):
        moment = next_match(expression, zone, moment)
        found.append(moment)
    return found
