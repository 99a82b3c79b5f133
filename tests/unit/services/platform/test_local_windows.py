"""Budgets of one process: its share, the partner's own window, and pauses."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.connectors.rate_headers import ToldLimit
from app.services.platform import local_windows
from app.services.platform.budget_windows import Allowance
from app.services.platform.local_windows import LocalWindows

TEN_A_MINUTE = Allowance("writes", 10, 60.0, 0.3)


class Clock:
    """A monotonic clock that moves when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(local_windows, "time", clock)
    return clock


def waits(windows: LocalWindows, account: str, count: int, *allowances: Allowance) -> list[float]:
    """Return the seconds until the slots of so many calls, or until they may be asked for again."""
    asked = allowances or (TEN_A_MINUTE,)
    return [windows.take(account, asked, ahead=0, bulk=False).wait for _ in range(count)]


def test_a_process_has_an_equal_share(clock: Clock) -> None:
    windows = LocalWindows(processes=2)
    first = waits(windows, "a", 3)
    assert first[:2] == [0, 0]
    assert first[2] == pytest.approx(
        62 / 3
    )  # two of five at once, the other three within the window
    assert waits(windows, "b", 1) == [0]
    clock.now += 62.0
    assert waits(windows, "a", 1) == [0]


def test_a_call_that_waits_is_reserved_from_no_budget(clock: Clock) -> None:
    windows = LocalWindows(processes=1)
    one_a_minute = Allowance("reads", 1, 60.0, None)
    assert waits(windows, "a", 1, one_a_minute) == [0]
    assert waits(windows, "a", 3, TEN_A_MINUTE, one_a_minute) == [62.0] * 3
    assert waits(windows, "a", 6) == [0] * 5 + [12.4]


def test_slots_ahead_are_given_in_the_order_of_asking(clock: Clock) -> None:
    windows = LocalWindows(processes=1)
    grants = [windows.take("a", [TEN_A_MINUTE], ahead=40, bulk=False) for _ in range(9)]
    assert [grant.wait for grant in grants[5:]] == pytest.approx([12.4, 24.8, 37.2, 49.6])
    assert [grant.is_reserved for grant in grants[5:]] == [True, True, True, False]
    assert [grant.numbers for grant in grants[:2]] == [(1,), (2,)]


def test_the_partners_own_window_is_kept_until_it_begins_again(clock: Clock) -> None:
    windows = LocalWindows(processes=1)
    windows.report("a", TEN_A_MINUTE, 0, ToldLimit(10, 4, timedelta(seconds=20)))
    assert waits(windows, "a", 2) == [0, 20.0]  # leaves 3 of 10
    clock.now += 20.0
    assert waits(windows, "a", 1) == [0]


def test_a_slot_no_longer_counts_if_the_partner_reports_less(clock: Clock) -> None:
    windows = LocalWindows(processes=1)
    first, _, third = (windows.take("a", [TEN_A_MINUTE], ahead=90, bulk=False) for _ in range(3))
    windows.report("a", TEN_A_MINUTE, first.numbers[0], ToldLimit(10, 4, timedelta(seconds=20)))
    assert windows.still("a", [TEN_A_MINUTE], first) == 0
    assert windows.still("a", [TEN_A_MINUTE], third) == 20.0


def test_a_pause_delays_every_call_and_ends_slots(clock: Clock) -> None:
    windows = LocalWindows(processes=1)
    grant = windows.take("a", [TEN_A_MINUTE], ahead=0, bulk=False)
    windows.pause("a", 30.0)
    assert waits(windows, "a", 1) == [30.0]
    assert windows.still("a", [TEN_A_MINUTE], grant) == 30.0
    assert waits(windows, "b", 1) == [0]
