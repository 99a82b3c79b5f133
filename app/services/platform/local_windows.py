"""Rate budgets of one process, used while Redis does not respond."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.connectors.rate_headers import ToldLimit
from app.services.platform.budget_windows import Allowance, Grant
from app.services.platform.virtual_clocks import MICRO, Clocks, Pace, pace_of


@dataclass(slots=True)
class _Reported:
    """The state of a partner's own window: the last call that it permits, and its reset by the monotonic clock."""

    limit: int
    upto: int
    reset: float
    heard: int  # the number of the call whose response reported it


@dataclass(slots=True)
class _Budget:
    clocks: Clocks = field(default_factory=Clocks)
    count: int = 0
    reported: _Reported | None = None


@dataclass(slots=True)
class LocalWindows:
    """The budgets of one process, each for an equal share, by the monotonic clock."""

    processes: int
    _budgets: dict[tuple[str, str], _Budget] = field(default_factory=dict)
    _paused: dict[str, float] = field(default_factory=dict)

    def pause(self, account: str, seconds: float) -> None:
        """Allow no call of an account for some seconds, or for the rest of an earlier pause if that is longer."""
        self._paused[account] = max(self._paused.get(account, 0.0), time.monotonic() + seconds)

    def paused(self, account: str) -> float:
        """Return the seconds for which an account is still paused."""
        return max(0.0, self._paused.get(account, 0.0) - time.monotonic())

    def take(
        self, account: str, allowances: Sequence[Allowance], *, ahead: float, bulk: bool
    ) -> Grant:
        """Reserve the next slot of one call, at most ``ahead`` seconds from now. ``bulk``: of a resync."""
        now = time.monotonic()
        budgets = [self._budget(account, one) for one in allowances]
        for budget in budgets:
            _begin_again(budget, now)
        numbers = [budget.count + 1 for budget in budgets]
        if wait := self._wait(account, allowances, numbers, now):
            return Grant(wait)
        paces = [self._pace(one) for one in allowances]
        asked = slot = int(now * MICRO)
        for budget, pace in zip(budgets, paces, strict=True):
            slot = max(slot, budget.clocks.slot(pace, asked, bulk=bulk))
        wait = (slot - asked) / MICRO
        if wait > ahead:
            return Grant(wait)
        for budget, pace in zip(budgets, paces, strict=True):
            budget.clocks.reserve(pace, slot, bulk=bulk)
            budget.count += 1
        return Grant(wait, tuple(numbers))

    def still(self, account: str, allowances: Sequence[Allowance], grant: Grant) -> float:
        """Return 0.0 if a slot still counts, or the seconds to wait: the account was paused, or its window is used up."""
        return self._wait(account, allowances, grant.numbers, time.monotonic())

    def report(self, account: str, allowance: Allowance, number: int, limit: ToldLimit) -> None:
        """Record what a response reports about the partner's window, divided among the processes."""
        budget = self._budget(account, allowance)
        if budget.reported is not None and number < budget.reported.heard:
            return
        budget.reported = _Reported(
            limit=max(1, (limit.limit or allowance.calls) // self.processes),
            upto=number + limit.remaining // self.processes,
            reset=time.monotonic() + limit.reset.total_seconds(),
            heard=number,
        )

    def _budget(self, account: str, allowance: Allowance) -> _Budget:
        return self._budgets.setdefault((account, allowance.name), _Budget())

    def _pace(self, allowance: Allowance) -> Pace:
        if self.processes == 1:
            return allowance.pace
        return pace_of(max(1, allowance.calls // self.processes), allowance.window)

    def _wait(
        self, account: str, allowances: Sequence[Allowance], numbers: Sequence[int], now: float
    ) -> float:
        """Return the seconds until the account is not paused and the partner's own windows permit the call."""
        wait = max(0.0, self._paused.get(account, 0.0) - now)
        for allowance, number in zip(allowances, numbers, strict=True):
            reported = self._budget(account, allowance).reported
            if reported is None or allowance.leaves is None or now >= reported.reset:
                continue
            if number > reported.upto - math.floor(reported.limit * allowance.leaves):
                wait = max(wait, reported.reset - now)
        return wait


def _begin_again(budget: _Budget, now: float) -> None:
    """Forget the partner's window when it is over."""
    if budget.reported is not None and now >= budget.reported.reset:
        budget.reported = None
