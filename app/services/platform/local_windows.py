"""Sliding windows of one process, used while Redis does not respond."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.connectors.rate_headers import ToldLimit
from app.services.platform.budget_windows import Allowance


@dataclass(slots=True)
class _Reported:
    """The state of a partner's own window; ``reset`` is a time of the monotonic clock."""

    limit: int
    left: int
    reset: float


@dataclass(slots=True)
class LocalWindows:
    """The windows of one process, each for an equal share of the budget, by the monotonic clock."""

    processes: int
    _calls: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    _reported: dict[tuple[str, str], _Reported] = field(default_factory=dict)
    _paused: dict[str, float] = field(default_factory=dict)

    def pause(self, account: str, seconds: float) -> None:
        """Allow no call of an account for some seconds."""
        self._paused[account] = time.monotonic() + seconds

    def take(self, account: str, allowances: Sequence[Allowance]) -> float:
        """Reserve one call. Returns 0.0, or the seconds to wait; then nothing was reserved."""
        now = time.monotonic()
        wait = max(0.0, self._paused.get(account, 0.0) - now)
        for allowance in allowances:
            wait = max(wait, self._window_wait(account, allowance, now))
            wait = max(wait, self._reported_wait(account, allowance, now))
        if wait <= 0:
            self._reserve(account, allowances, now)
        return wait

    def report(self, account: str, allowance: Allowance, limit: ToldLimit) -> None:
        """Record what a response reports about the partner's window, divided among the processes."""
        calls = max(1, (limit.limit or allowance.calls) // self.processes)
        left = limit.remaining // self.processes
        reset = time.monotonic() + limit.reset.total_seconds()
        self._reported[account, allowance.name] = _Reported(calls, left, reset)

    def _window_wait(self, account: str, allowance: Allowance, now: float) -> float:
        """Return the seconds until the window of a budget has room for a call."""
        share = max(1, allowance.calls // self.processes)
        calls = self._calls.setdefault((account, allowance.name), deque())
        while calls and calls[0] <= now - allowance.window:
            calls.popleft()
        return calls[-share] + allowance.window - now if len(calls) >= share else 0.0

    def _reported_wait(self, account: str, allowance: Allowance, now: float) -> float:
        """Return the seconds until the partner's own window begins again, or 0.0 if calls are left in it."""
        reported = self._reported.get((account, allowance.name))
        if reported is None or allowance.leaves is None:
            return 0.0
        if now >= reported.reset:
            del self._reported[account, allowance.name]
            return 0.0
        is_used_up = reported.left <= math.floor(reported.limit * allowance.leaves)
        return reported.reset - now if is_used_up else 0.0

    def _reserve(self, account: str, allowances: Sequence[Allowance], now: float) -> None:
        for allowance in allowances:
            self._calls[account, allowance.name].append(now)
            if (reported := self._reported.get((account, allowance.name))) is not None:
                reported.left -= 1
