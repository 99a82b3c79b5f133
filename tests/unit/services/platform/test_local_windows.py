"""Sliding windows of one process: its share of a budget, the partner's own window, and pauses."""

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


def test_a_process_has_an_equal_share(clock: Clock) -> None:
    windows = LocalWindows(processes=2)
    assert [windows.take("a", [TEN_A_MINUTE]) for _ in range(6)] == [0, 0, 0, 0, 0, 60.0]
    assert windows.take("b", [TEN_A_MINUTE]) == 0
    clock.now += 60.0
    assert windows.take("a", [TEN_A_MINUTE]) == 0


def test_a_call_that_waits_is_reserved_from_no_budget(clock: Clock) -> None:
    windows = LocalWindows(processes=1)
    one_a_minute = Allowance("reads", 1, 60.0, None)
    assert windows.take("a", [one_a_minute]) == 0
    assert windows.take("a", [TEN_A_MINUTE, one_a_minute]) == 60.0
    assert [windows.take("a", [TEN_A_MINUTE]) for _ in range(11)] == [0] * 10 + [60.0]


def test_the_partners_own_window_is_kept_until_it_begins_again(clock: Clock) -> None:
    windows = LocalWindows(processes=1)
    windows.report("a", TEN_A_MINUTE, ToldLimit(10, 4, timedelta(seconds=20)))
    assert [windows.take("a", [TEN_A_MINUTE]) for _ in range(2)] == [0, 20.0]  # leaves 3 of 10
    clock.now += 20.0
    assert windows.take("a", [TEN_A_MINUTE]) == 0


def test_a_pause_delays_every_call(clock: Clock) -> None:
    windows = LocalWindows(processes=1)
    windows.pause("a", 30.0)
    assert windows.take("a", [TEN_A_MINUTE]) == 30.0
    assert windows.take("b", [TEN_A_MINUTE]) == 0
