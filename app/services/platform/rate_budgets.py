"""Rate budgets of partner accounts, shared by all activations and workers through Redis (R24).

The limits of the destination's definition always apply. If the partner's responses report its own window, that limits
calls further: no call while it is used up, and no call of a resync while less than the reserve for urgent calls is left.
While Redis does not respond, each process keeps to its share of the budget.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta

from redis.exceptions import RedisError

from app.connectors.base import RateBudget
from app.connectors.errors import BudgetSpent
from app.connectors.http import Gate, Hear
from app.connectors.messages import Request, Response
from app.connectors.rate_headers import ToldLimit, told_limit
from app.core import clock
from app.core.ids import new_id
from app.core.logging import get_logger
from app.queue import Queue
from app.services.platform.budget_windows import Allowance, SharedWindows, pause_key
from app.services.platform.local_windows import LocalWindows

log = get_logger(__name__)

LONGEST_WAIT = 5.0  # seconds before a batch's first call; for a longer wait, the batch is put off
PATIENCE = 90.0  # seconds before each later call of a batch
MARGIN = 1.1  # windows are lengthened, because calls may arrive closer together than they were sent
SLACK = 0.25  # seconds by which a window is lengthened at least
RESYNC_SHARE = 0.7  # of a budget: the rest is reserved for urgent calls

# Number of calls of the current batch. After the first one, a call waits longer, so that the batch is not left half sent.
_calls_sent: ContextVar[list[int] | None] = ContextVar("calls_sent", default=None)
# Writing calls of the current batch: without the last call, and with it.
_writes: ContextVar[list[int] | None] = ContextVar("writes", default=None)


@dataclass(slots=True)
class Budgets:
    """The rate budgets of all accounts."""

    queue: Queue
    processes: int  # worker processes that share a budget while Redis does not respond
    _local: LocalWindows = field(init=False)

    def __post_init__(self) -> None:
        self._local = LocalWindows(self.processes)

    def gate(self, account: str, budgets: Sequence[RateBudget], *, resync: bool) -> Gate:
        """Return the gate that each call of an account passes. A resync uses only a part of the budget."""
        rules = [(budget, re.compile(budget.paths)) for budget in budgets]

        async def pass_gate(request: Request) -> Hear | None:
            place = f"{request.method} {request.url.path}"
            concerned = [budget for budget, paths in rules if paths.search(place)]
            hear = None
            if concerned:
                call = new_id("call")
                await self._take(account, call, _allowances(concerned, resync))
                hear = self._listener(account, call, concerned)
            _note_write(request)
            return hear

        return pass_gate

    async def pause(self, account: str, pause: timedelta) -> None:
        """Stop all calls of an account for some time, because the partner asked for it."""
        milliseconds = max(1, int(pause.total_seconds() * 1000))
        self._local.pause(account, pause.total_seconds())
        try:
            if (redis := self.queue.pool) is not None:
                await redis.set(pause_key(account), 1, px=milliseconds)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("budget_not_shared", error=type(error).__name__)

    async def _take(self, account: str, call: str, allowances: Sequence[Allowance]) -> None:
        sent = _calls_sent.get()
        give_up = time.monotonic() + (PATIENCE if sent and sent[0] else LONGEST_WAIT)
        while True:
            wait = await self._reserve(account, call, allowances)
            if wait <= 0:
                if sent is not None:
                    sent[0] += 1
                return
            if time.monotonic() + wait > give_up:
                raise BudgetSpent(
                    "the account's rate budget is spent", retry_after=timedelta(seconds=wait)
                )
            await asyncio.sleep(wait)

    async def _reserve(self, account: str, call: str, allowances: Sequence[Allowance]) -> float:
        if (shared := self._shared()) is not None:
            try:
                return await shared.take(account, call, allowances)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("budget_not_shared", error=type(error).__name__)
        return self._local.take(account, allowances)

    def _listener(self, account: str, call: str, budgets: Sequence[RateBudget]) -> Hear | None:
        """Return what records the limits in a call's response, or None if the partner reports none."""
        reporting = [(budget, budget.headers) for budget in budgets if budget.headers is not None]
        if not reporting:
            return None

        async def hear(response: Response) -> None:
            for budget, names in reporting:
                limit = told_limit(names, response.headers, now=clock.now())
                if limit is not None:
                    (allowance,) = _allowances([budget], resync=False)
                    await self._report(account, call, allowance, limit)

        return hear

    async def _report(
        self, account: str, call: str, allowance: Allowance, limit: ToldLimit
    ) -> None:
        try:
            if (shared := self._shared()) is not None:
                await shared.report(account, call, allowance, limit)
            else:
                self._local.report(account, allowance, limit)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("budget_not_shared", error=type(error).__name__)

    def _shared(self) -> SharedWindows | None:
        redis = self.queue.pool
        return SharedWindows(redis) if redis is not None and not self.queue.silent_for() else None


def _allowances(budgets: Sequence[RateBudget], resync: bool) -> list[Allowance]:
    share = RESYNC_SHARE if resync else 1.0
    return [
        Allowance(
            budget.name,
            max(1, int(budget.calls * share)),
            _spread(budget.window),
            None if budget.headers is None else 1 - share,
        )
        for budget in budgets
    ]


def new_batch() -> None:
    """Count the calls that follow in this task as calls of one new batch."""
    _calls_sent.set([0])
    _writes.set([0, 0])


def writes_before(*, unsent: bool) -> int:
    """Return the number of writing calls of this batch before its last one. ``unsent``: the last one was not sent."""
    without_last, with_last = _writes.get() or (0, 0)
    return with_last if unsent else without_last


def _note_write(request: Request) -> None:
    writes = _writes.get()
    if writes is not None:
        writes[0] = writes[1]
        writes[1] += request.method not in {"GET", "HEAD"}


def _spread(window: timedelta) -> float:
    """Return a partner's window in seconds, lengthened by what the network may shift."""
    seconds = window.total_seconds()
    return max(seconds * MARGIN, seconds + SLACK)
