"""Adaptive concurrency, with simulated partners and a simulated clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from unittest import mock

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.services.platform import concurrency as module
from app.services.platform.concurrency import START, AccountConcurrency, CallWatch

MOST = 128
#: Of a call: the time at which it reaches the partner, and the calls in flight with it. Returns the seconds that it waited for the
#: budget, that it took, and whether it was refused.
Partner = Callable[[float, int], tuple[float, float, bool]]


@dataclass
class Simulation:
    """A worker that always has as many calls in flight as the limit allows."""

    partner: Partner
    rows: int = 1
    most: int = MOST
    now: float = 1_000.0
    ended: list[tuple[float, bool, float]] = field(default_factory=list)  # time, accepted, waited
    largest: int = 0

    def monotonic(self) -> float:
        return self.now

    def run(self, calls: int) -> AccountConcurrency:
        limits = AccountConcurrency(self.most)
        flying: list[tuple[float, int, ExitStack, CallWatch, bool]] = []
        number = 0
        with mock.patch.object(module, "time", self):
            while len(self.ended) < calls:
                while len(flying) < limits.limit("a"):
                    stack = ExitStack()
                    watch = stack.enter_context(limits.call("a", self.rows))
                    waited, seconds, refused = self.partner(self.now, len(flying) + 1)
                    watch.waited, number = waited, number + 1
                    end = self.now + waited + seconds
                    heapq.heappush(flying, (end, number, stack, watch, refused))
                    self.largest = max(self.largest, len(flying))
                self.now, _, stack, watch, refused = heapq.heappop(flying)
                watch.is_passed, watch.is_overload = not refused, refused
                stack.close()
                self.ended.append((self.now, not refused, watch.waited))
            for _, _, stack, _, _ in flying:
                stack.close()
        return limits

    def rate(self) -> float:
        """Return the accepted calls per second of the second half."""
        half = self.ended[len(self.ended) // 2 :]
        return sum(accepted for _, accepted, _ in half) / (half[-1][0] - half[0][0])


def queueing(capacity: int, seconds: float) -> Partner:
    """Work on so many calls at once; the others wait in a line, so latency grows with the load."""
    free = [0.0] * capacity

    def call(at: float, _in_flight: int) -> tuple[float, float, bool]:
        begun = max(at, heapq.heappop(free))
        heapq.heappush(free, begun + seconds)
        return 0.0, begun + seconds - at, False

    return call


def refusing(capacity: int, seconds: float) -> Partner:
    """Return 429 to more calls at once than the capacity."""

    def call(_at: float, in_flight: int) -> tuple[float, float, bool]:
        return (0.0, 0.005, True) if in_flight > capacity else (0.0, seconds, False)

    return call


def budgeted(rate: float, seconds: float) -> Partner:
    """Take ``seconds``, behind a budget that gives slots at a rate."""
    following = 0.0

    def call(at: float, _in_flight: int) -> tuple[float, float, bool]:
        nonlocal following
        slot = max(at, following)
        following = slot + 1 / rate
        return slot - at, seconds, False

    return call


@pytest.mark.walk
@given(st.integers(1, 300), st.floats(0.002, 1.0), st.sampled_from([1, 100, 5_000]))
@settings(max_examples=12, deadline=None, phases=[Phase.generate])
def test_the_limit_finds_what_a_partner_can_do(capacity: int, seconds: float, rows: int) -> None:
    simulation = Simulation(queueing(capacity, seconds), rows)
    limits = simulation.run(4_000)
    most = MOST if rows == 1 or rows == 100 else START
    assert simulation.rate() >= 0.85 * min(capacity, most) / seconds
    assert limits.limit("a") <= 1.35 * max(START, capacity) + 8
    assert simulation.largest <= most


@given(st.integers(4, 60), st.floats(0.01, 1.0))
@settings(max_examples=8, deadline=None, phases=[Phase.generate])
def test_refusals_keep_the_limit_at_the_capacity(capacity: int, seconds: float) -> None:
    simulation = Simulation(refusing(capacity, seconds))
    simulation.run(2_000)
    assert simulation.rate() >= 0.6 * capacity / seconds
    half = simulation.ended[1_000:]
    assert sum(not accepted for _, accepted, _ in half) <= 0.3 * len(half)


@pytest.mark.parametrize(("rate", "seconds"), [(2.5, 0.1), (20, 0.3), (100, 0.3), (150, 0.05)])
def test_no_more_calls_than_the_budget_permits(rate: float, seconds: float) -> None:
    simulation = Simulation(budgeted(rate, seconds))
    limits = simulation.run(4_000)
    assert simulation.rate() == pytest.approx(rate, rel=0.02)
    needed = rate * seconds
    assert limits.limit("a") <= max(START, needed + 1.5 * rate + 4)
    assert max(waited for *_, waited in simulation.ended[2_000:]) <= 4.0


def test_a_partner_that_becomes_faster_gets_more() -> None:
    slow, fast = queueing(20, 0.3), queueing(100, 0.3)
    simulation = Simulation(lambda at, n: (slow if at < 1_060 else fast)(at, n))
    simulation.run(20_000)
    assert simulation.rate() >= 0.85 * 100 / 0.3


def test_one_round_of_errors_lowers_the_limit_once() -> None:
    limits = AccountConcurrency(MOST)
    with ExitStack() as stack:
        for _ in range(START):
            stack.enter_context(limits.call("a", 1)).is_overload = True
    assert limits.limit("a") == int(START * 0.7)
    assert limits.limit("b") == START


def test_the_most_is_a_setting() -> None:
    assert AccountConcurrency(4).limit("a") == 4
    simulation = Simulation(queueing(50, 0.1), most=8)
    assert simulation.run(500).limit("a") == 8


def test_calls_that_always_wait_do_not_raise_the_limit_for_ever() -> None:
    simulation = Simulation(queueing(1, 0.02))  # for more than six minutes
    assert simulation.run(20_000).limit("a") <= 1.35 * START + 8
