"""Adaptive concurrency: how many calls to a partner account are made at once, in one process.

The limit of an account follows what its calls show, like the window of a TCP connection:

- **From TCP Vegas**, as in Netflix's *concurrency-limits*: calls that wait at the partner take longer. With ``n`` calls in flight,
  ``n * (1 - least / now)`` of them wait, where ``least`` is the shortest time of the last minute and ``now`` a moving average.
  While few wait (three, or a tenth of the limit), the limit grows: by one for each call at first (slow start), later by a tenth, or
  one, for each round of calls. While twice as many wait, it shrinks as fast, but not below its start: a partner that is slow, but returns
  no error, gets as many calls as it always got. Times are compared with those of calls of about as many rows, because larger
  calls take longer.
- **From BBR**, and Envoy's filter: calls that always wait would never show the shortest time, and the limit would drift upwards. So
  every half minute the limit drops by a quarter, and grows again if no calls wait.
- **From AIMD**: a 429, a 5xx or a timeout lowers the limit to 70 %, once for each round of calls, at least to 1.
- **Never beyond the budget**: a call that waited for the rate budget does not raise the limit. If it waited for longer than a
  second and than it took, the limit shrinks: more calls at once would only wait there.
- Only calls that used the limit raise it: at least half of it was in flight. Calls of more than ``LARGE`` rows do not raise it
  either, because each holds its body in memory.

A library was looked for: there is none for asyncio that is maintained. The gradient of *Gradient2* was left out: its long average
drifts upwards while calls wait all the time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

START = 16  # calls at once, before anything is known
LARGE = 1_000  # rows
REMEMBERED = 30.0  # seconds: the shortest time is that of this period and the one before
WEIGHT = 0.2  # of a new call in the average
BACKOFF = 0.7
PROBE = 0.75
NO_WAIT = 0.002  # seconds that a call takes to pass a budget that has room
PATIENT = 1.0  # seconds of waiting for the budget that are no reason to shrink
_FORGOTTEN = 600.0  # seconds without calls


@dataclass(slots=True)
class _Times:
    """The times of calls of about as many rows, in seconds."""

    now: float
    least: float
    former: float = math.inf  # the least of the period before
    since: float = 0.0

    def add(self, at: float, seconds: float) -> bool:
        """Add a call. Returns whether a new period began."""
        is_new = at - self.since >= REMEMBERED
        if is_new:
            self.former = self.least if at - self.since < 2 * REMEMBERED else math.inf
            self.least, self.since = seconds, at
        self.least = min(self.least, seconds)
        self.now += WEIGHT * (seconds - self.now)
        return is_new

    def waiting(self, in_flight: int) -> float:
        """Return how many of the calls in flight wait at the partner."""
        return in_flight * (1 - min(1.0, min(self.least, self.former) / self.now))


@dataclass(slots=True)
class _Limit:
    """The limit of one account."""

    start: float
    most: float
    limit: float
    in_flight: int = 0
    is_starting: bool = True  # slow start
    lowered: float = -math.inf  # when an error lowered the limit
    last: float = 0.0  # when the last call ended
    times: dict[int, _Times] = field(default_factory=dict)

    def passed(self, at: float, in_flight: int, rows: int, seconds: float, waited: float) -> None:
        """Learn from a call that the partner accepted."""
        times = self.times.setdefault(rows.bit_length(), _Times(seconds, seconds, since=at))
        if times.add(at, seconds):
            self._lower(self.limit * PROBE)
        few = max(3.0, self.limit / 10)
        waiting, step = times.waiting(in_flight), max(1.0, self.limit / 10) / self.limit
        if waited > max(PATIENT, seconds):
            self._set(self.limit - step)
        elif waiting > few:
            self.is_starting = False
            if waiting > 2 * few:
                self._lower(self.limit - step)
        elif waited < NO_WAIT and 2 * in_flight >= self.limit and rows <= LARGE:
            self._set(self.limit + (1 if self.is_starting else step))

    def failed(self, at: float, seconds: float) -> None:
        """Learn from a call after which the partner, or the way to it, is overloaded."""
        if at - self.lowered < seconds:
            return  # it began before the limit was lowered
        self.is_starting, self.lowered = False, at
        self._set(self.limit * BACKOFF)

    def _lower(self, limit: float) -> None:
        """Lower the limit, but not below its start."""
        self._set(max(limit, min(self.limit, self.start)))

    def _set(self, limit: float) -> None:
        self.limit = min(max(limit, 1.0), self.most)


@dataclass(slots=True)
class CallWatch:
    """One call in flight. Set ``is_passed`` or ``is_overload`` before it ends; otherwise nothing is learned from it."""

    rows: int
    waited: float = 0.0  # seconds, for the rate budget
    is_passed: bool = False
    is_overload: bool = False


@dataclass(slots=True)
class AccountConcurrency:
    """The limits of all accounts that this process calls. ``most`` is the largest limit of an account."""

    most: int
    _limits: dict[str, _Limit] = field(default_factory=dict)

    @property
    def start(self) -> int:
        """The limit of an account of which nothing is known."""
        return min(START, self.most)

    def limit(self, account: str) -> int:
        """Return how many calls to an account may be in flight."""
        found = self._limits.get(account)
        return int(found.limit) if found else self.start

    @contextmanager
    def call(self, account: str, rows: int) -> Iterator[CallWatch]:
        """Watch one call to an account, from the moment at which it is started."""
        limit = self._of(account)
        watch, begun = CallWatch(rows), time.monotonic()
        limit.in_flight += 1
        try:
            yield watch
        finally:
            at, in_flight = time.monotonic(), limit.in_flight
            limit.in_flight, limit.last = in_flight - 1, at
            seconds = max(at - begun - watch.waited, 1e-6)
            if watch.is_overload:
                limit.failed(at, at - begun)
            elif watch.is_passed:
                limit.passed(at, in_flight, rows, seconds, watch.waited)

    def _of(self, account: str) -> _Limit:
        if account not in self._limits:
            self._forget(time.monotonic())
            start = float(self.start)
            self._limits[account] = _Limit(start, float(self.most), start, last=time.monotonic())
        return self._limits[account]

    def _forget(self, now: float) -> None:
        """Forget accounts that were not called for long."""
        for account, one in list(self._limits.items()):
            if not one.in_flight and now - one.last > _FORGOTTEN:
                del self._limits[account]
