"""Virtual clocks of rate budgets, against partners that count in three ways, with a simulated clock."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.platform.virtual_clocks import MICRO, Clocks, Pace, pace_of

START = 1_800_000_000 * MICRO  # as the clock of Redis


@dataclass
class FixedWindow:
    """Windows that begin at any phase."""

    limit: int
    window: int
    phase: int
    number: int = -1
    used: int = 0

    def accepts(self, at: int) -> bool:
        if (number := (at + self.phase) // self.window) != self.number:
            self.number, self.used = number, 0
        self.used += 1
        return self.used <= self.limit


@dataclass
class SlidingWindow:
    """No window contains more calls, whenever it begins."""

    limit: int
    window: int
    phase: int
    calls: deque[int] = field(default_factory=deque)

    def accepts(self, at: int) -> bool:
        while self.calls and self.calls[0] <= at - self.window:
            self.calls.popleft()
        self.calls.append(at)
        return len(self.calls) <= self.limit


@dataclass
class TokenBucket:
    """A bucket of as many tokens as a window allows, which fills evenly."""

    limit: int
    window: int
    phase: int
    at: int = 0
    tokens: float = 0.0

    def accepts(self, at: int) -> bool:
        gained = (at - self.at) * self.limit / self.window
        self.at, self.tokens = at, min(self.limit, self.tokens + gained) - 1
        return self.tokens >= 0


PARTNERS: list[Callable[[int, int, int], FixedWindow | SlidingWindow | TokenBucket]] = [
    FixedWindow,
    SlidingWindow,
    TokenBucket,
]


def asks(chance: random.Random, pace: Pace, count: int) -> Iterator[int]:
    """Yield times at which calls are asked for: at once, evenly, with gaps, one after the other."""
    now = START
    while count > 0:
        run, gap = chance.randint(1, max(1, count)), chance.choice((0, 0, pace.even, pace.slow))
        for _ in range(run):
            yield now
            now += chance.randint(0, 2 * gap)
        count -= run
        now += chance.choice((0, pace.even * 3, pace.window // 2, pace.window, 3 * pace.window))


def arrivals(
    chance: random.Random, pace: Pace, clocks: Clocks, times: Iterator[int]
) -> Iterator[int]:
    """Yield when calls reach a partner, whose network and whose lateness differ by the spread at most."""
    least = chance.randint(0, 2 * MICRO)
    spread = (pace.late * 2, 0)[chance.randint(0, 3) == 0]
    asked = START
    for asked in times:
        bulk = chance.random() < 0.2
        slot = clocks.slot(pace, asked, bulk=bulk)
        assert slot >= asked
        clocks.reserve(pace, slot, bulk=bulk)
        yield slot + least + chance.choice((0, spread, chance.randint(0, spread)))


@pytest.mark.walk
@given(st.integers(1, 400), st.sampled_from([0.1, 1.0, 3.0, 60.0, 86_400.0]), st.integers(0, 10**9))
@settings(max_examples=150, deadline=None)
def test_no_form_of_partner_refuses_a_call(calls: int, window: float, seed: int) -> None:
    chance = random.Random(seed)
    pace = pace_of(calls, window)
    found = sorted(arrivals(chance, pace, Clocks(), asks(chance, pace, 4 * calls + 10)))
    phase = chance.randint(0, int(window * MICRO))
    for form in PARTNERS:
        partner = form(calls, int(window * MICRO), phase)
        assert all(partner.accepts(at) for at in found), form.__name__


@pytest.mark.parametrize(
    ("calls", "window"),
    [(1, 1.0), (10, 1.0), (20, 1.0), (99, 1.0), (100, 1.0), (150, 60.0), (3_000, 3.0)],
)
def test_ten_minutes_use_nearly_the_whole_limit(calls: int, window: float) -> None:
    pace, clocks, made, now = pace_of(calls, window), Clocks(), 0, START
    while now < START + 600 * MICRO:
        now = clocks.slot(pace, now, bulk=False)
        clocks.reserve(pace, now, bulk=False)
        made += 1
    share = made / (calls * 600 / window)
    assert (0.95 if calls >= 100 else 0.9) <= share <= 1


def slots(pace: Pace, clocks: Clocks, now: int, count: int, *, bulk: bool = False) -> list[float]:
    """Return when so many calls get their slots that are asked for at once: seconds from now."""
    found = []
    for _ in range(count):
        slot = clocks.slot(pace, now, bulk=bulk)
        clocks.reserve(pace, slot, bulk=bulk)
        found.append((slot - now) / MICRO)
    return found


def test_half_of_a_budget_goes_at_once_after_a_quiet_time() -> None:
    pace, clocks = pace_of(150, 60.0), Clocks()
    found = slots(pace, clocks, START, 151)
    assert found[:75] == [0.0] * 75
    assert found[75] == pytest.approx(62.0 / 75, abs=0.001)
    assert found[150] >= 62.0
    assert slots(pace, clocks, START + 300 * MICRO, 75) == [0.0] * 75


def test_a_gap_of_calls_that_go_on_does_not_begin_a_burst() -> None:
    pace, clocks = pace_of(100, 1.0), Clocks()
    slots(pace, clocks, START, 500)
    later = clocks.last + pace.window // 4
    assert slots(pace, clocks, later, 3) == [0.0, pytest.approx(0.0104), pytest.approx(0.0208)]


def test_resyncs_leave_a_part_of_the_budget() -> None:
    pace, clocks = pace_of(100, 1.0), Clocks()
    assert slots(pace, clocks, START, 71, bulk=True)[-1] >= 1.0
    assert slots(pace, clocks, clocks.last, 1) == [0.0]


def test_the_used_part_is_that_of_the_last_window() -> None:
    pace, clocks = pace_of(100, 10.0), Clocks()
    assert clocks.used(pace.window, START) == 0
    slots(pace, clocks, START, 50)
    assert clocks.used(pace.window, START) == 50
    assert 0 < clocks.used(pace.window, START + pace.window) <= 50
    assert clocks.used(pace.window, START + 2 * pace.window) == 0
