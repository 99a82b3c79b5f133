"""How much of an account's rate budgets is used, read from Redis without a reservation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from app.connectors.base import RateBudget
from app.services.platform.budget_windows import budget_key
from app.services.platform.virtual_clocks import MICRO, Clocks, pace_of

_CLOCKS = ("last", "ahead", "close", "bulk", "since", "former", "current")
_REPORTED = ("count", "limit", "upto", "reset")


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """A budget of ``calls`` in a ``window``, and how many of them are used.

    ``used`` is None if it is not known: without Redis, each worker counts its own calls. ``until`` is when nothing will be
    used if no further call is made; None if nothing is used, or it is not known.
    """

    name: str
    calls: int
    window: timedelta
    used: int | None = None
    until: datetime | None = None


def unread(budgets: Sequence[RateBudget]) -> list[BudgetUse]:
    """Return budgets of which nobody knows how much is used."""
    return [BudgetUse(one.name, one.calls, one.window) for one in budgets]


async def read_use(
    redis: Redis, accounts: Mapping[str, Sequence[RateBudget]]
) -> dict[str, list[BudgetUse]]:
    """Return ``{account: uses of its budgets}``, read in one round trip. Raises the errors of the Redis client."""
    commands = redis.pipeline(transaction=False)
    commands.time()
    for account, budgets in accounts.items():
        for budget in budgets:
            commands.hmget(budget_key(account, budget.name), [*_CLOCKS, *_REPORTED])
    (seconds, microseconds), *found = await commands.execute()
    now, fields = seconds * MICRO + microseconds, iter(found)
    return {
        account: [_use(budget, next(fields), now) for budget in budgets]
        for account, budgets in accounts.items()
    }


def _use(budget: RateBudget, stored: Sequence[bytes | None], now: int) -> BudgetUse:
    values = [int(value or 0) for value in stored]
    clocks, (count, limit, upto, reset) = Clocks(*values[: len(_CLOCKS)]), values[len(_CLOCKS) :]
    window = pace_of(budget.calls, budget.window.total_seconds()).window
    end = clocks.last + window
    # The sums of two windows are an estimate, which outlives the latest call.
    used = clocks.used(window, now) if end > now else 0
    reported = limit - (upto - count) if now < reset else 0
    if reported > used:
        used, end = reported, reset
    used = min(used, budget.calls)
    until = datetime.fromtimestamp(end / MICRO, UTC) if used else None
    return BudgetUse(budget.name, budget.calls, budget.window, used, until)
