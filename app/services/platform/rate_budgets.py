"""Rate budgets of partner accounts, shared by all activations and workers through Redis (R24).

What a definition says an account may do is kept in any case; where the partner's answers tell of its own window, less
is taken than that: nothing where it is spent, and resyncs stop while enough is left for what is urgent. Without Redis
each process keeps its share by itself.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from redis.exceptions import RedisError

from app.connectors.base import RateBudget
from app.connectors.errors import BudgetSpent
from app.connectors.http import Gate, Hear
from app.connectors.rate_headers import told_limit
from app.core import clock
from app.core.ids import new_id
from app.core.logging import get_logger
from app.queue import Queue
from app.services.platform.budget_windows import Allowance, LocalWindows, SharedWindows, pause_key

log = get_logger(__name__)

LONGEST_WAIT = 5.0  # seconds to wait in hand; longer, and the batch goes back to wait
PATIENCE = 90.0  # seconds, for the calls after a batch's first
MARGIN = 1.1  # our calls may bunch up on their way
SLACK = 0.25  # seconds, at least
RESYNC_SHARE = 0.7  # of a budget: the rest stays free for what is urgent

# Calls that the batch at hand has made: once one is out, the others wait rather than leave it half done.
_calls_made: ContextVar[list[int] | None] = ContextVar("calls_made", default=None)
# Writing calls of the batch at hand: before the last call, and with it.
_writes: ContextVar[list[int] | None] = ContextVar("writes", default=None)


@dataclass(slots=True)
class Budgets:
    """The budgets of all accounts, as this process sees them."""

    queue: Queue
    processes: int  # worker processes that share an account while Redis is away
    _local: LocalWindows = field(init=False)

    def __post_init__(self) -> None:
        self._local = LocalWindows(self.processes)

    def gate(self, account: str, budgets: Sequence[RateBudget], *, resync: bool) -> Gate:
        """What each call of an account has to pass; a resync may use only a part of the budget."""
        rules = [(budget, re.compile(budget.paths)) for budget in budgets]

        async def pass_gate(request: httpx.Request) -> Hear | None:
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
        """The partner asked us to wait: nobody calls this account before."""
        milliseconds = max(1, int(pause.total_seconds() * 1000))
        self._local.pause(account, pause.total_seconds())
        try:
            if (redis := self.queue.pool) is not None:
                await redis.set(pause_key(account), 1, px=milliseconds)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("budget_not_shared", error=type(error).__name__)

    async def _take(self, account: str, call: str, allowances: Sequence[Allowance]) -> None:
        made = _calls_made.get()
        give_up = time.monotonic() + (PATIENCE if made and made[0] else LONGEST_WAIT)
        while True:
            wait = await self._ask(account, call, allowances)
            if wait <= 0:
                if made is not None:
                    made[0] += 1
                return
            if time.monotonic() + wait > give_up:
                raise BudgetSpent(
                    "the account's rate budget is spent", retry_after=timedelta(seconds=wait)
                )
            await asyncio.sleep(wait)

    async def _ask(self, account: str, call: str, allowances: Sequence[Allowance]) -> float:
        if (shared := self._shared()) is not None:
            try:
                return await shared.take(account, call, allowances)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("budget_not_shared", error=type(error).__name__)
        return self._local.take(account, allowances)

    def _listener(self, account: str, call: str, budgets: Sequence[RateBudget]) -> Hear | None:
        """Takes in what the answer to a call tells; None where the partner tells nothing."""
        telling = [(budget, budget.headers) for budget in budgets if budget.headers is not None]
        if not telling:
            return None

        async def hear(response: httpx.Response) -> None:
            for budget, names in telling:
                told = told_limit(names, response.headers, now=clock.now())
                if told is None:
                    continue
                (allowance,) = _allowances([budget], resync=False)
                try:
                    if (shared := self._shared()) is not None:
                        await shared.tell(account, call, allowance, told)
                    else:
                        self._local.tell(account, allowance, told)
                except (RedisError, OSError, TimeoutError) as error:
                    log.warning("budget_not_shared", error=type(error).__name__)

        return hear

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
    """The calls that follow in this task belong to one batch."""
    _calls_made.set([0])
    _writes.set([0, 0])


def writes_before(*, unsent: bool) -> int:
    """Writing calls that this batch had made before its last one; ``unsent``: the last one did not go out."""
    made = _writes.get() or (0, 0)
    return made[1] if unsent else made[0]


def _note_write(request: httpx.Request) -> None:
    made = _writes.get()
    if made is not None:
        made[0] = made[1]
        made[1] += request.method not in {"GET", "HEAD"}


def _spread(window: timedelta) -> float:
    """A window of the partner's, made longer by what the way to it may shift."""
    seconds = window.total_seconds()
    return max(seconds * MARGIN, seconds + SLACK)
