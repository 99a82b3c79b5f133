"""Rate budgets of partner accounts, shared by all activations and workers through Redis (R24).

The limits of the destination's definition always apply: each call gets a slot, and slots are given in the order of asking, so
that no caller starves. If the partner's responses report its own window, that limits calls further: no call while it is
used up, and no call of a resync while less than the reserve for urgent calls is left. While Redis does not respond, each
process keeps to its share of the budget; a reply that does not come is waited for only a moment.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from redis.exceptions import RedisError

from app.connectors.base import RateBudget
from app.connectors.errors import BudgetSpent
from app.connectors.http import Gate, Hear
from app.connectors.messages import Request, Response
from app.connectors.rate_headers import RateHeaders, ToldLimit, told_limit
from app.core import clock
from app.core.logging import get_logger
from app.queue import Queue
from app.services.platform.budget_use import BudgetUse, read_use, unread
from app.services.platform.budget_windows import Allowance, Grant, SharedWindows
from app.services.platform.local_windows import LocalWindows
from app.services.platform.virtual_clocks import BULK_SHARE, MICRO

log = get_logger(__name__)

LONGEST_WAIT = 5.0  # seconds before a batch's first call; for a longer wait, the batch is put off
PATIENCE = 90.0  # seconds before each later call of a batch
RESYNC_AHEAD = 0.05  # seconds: a slot of a resync that is further away would make urgent calls wait
CONFIRMED = 0.25  # seconds: before a slot that was further away is used, it is asked whether it still counts
EARLY = 0.05  # seconds before the slot, for that question
SHORTEST = 0.002  # seconds: a call does not sleep for less, because to sleep takes about as long
LONGEST_USUAL = 0.1  # seconds: replies of Redis that take longer make calls late
#: Seconds that Redis has for a reply. A peer that vanished without a word, such as a connection that a firewall forgot, sends none.
REPLY = 1.0

T = TypeVar("T")

# Number of calls of the current batch. After the first one, a call waits longer, so that the batch is not left half sent.
# The second number is the seconds that the calls waited for their slots.
_calls_sent: ContextVar[list[float] | None] = ContextVar("calls_sent", default=None)
# Writing calls of the current batch: without the last call, and with it.
_writes: ContextVar[list[int] | None] = ContextVar("writes", default=None)

Windows = SharedWindows | LocalWindows


@dataclass(frozen=True, slots=True)
class _Rule:
    """A budget as it applies to calls of a kind, and the headers that report it."""

    allowance: Allowance
    headers: RateHeaders | None


@dataclass(slots=True)
class Budgets:
    """The rate budgets of all accounts."""

    queue: Queue
    processes: int  # worker processes that share a budget while Redis does not respond
    _local: LocalWindows = field(init=False)
    _usual_reply: float = 0.0  # seconds that Redis usually takes

    def __post_init__(self) -> None:
        self._local = LocalWindows(self.processes)

    def gate(self, account: str, budgets: Sequence[RateBudget], *, resync: bool) -> Gate:
        """Return the gate that each call of an account passes. A resync uses only a part of the budget."""
        rules = [(re.compile(budget.paths), _rule(budget, resync)) for budget in budgets]

        async def pass_gate(request: Request) -> Hear | None:
            place = f"{request.method} {request.url.path}"
            concerned = [rule for paths, rule in rules if paths.search(place)]
            hear = None
            if concerned:
                hear = await self._take(account, concerned, resync)
            _note_write(request)
            return hear

        return pass_gate

    async def read(
        self, accounts: Mapping[str, Sequence[RateBudget]]
    ) -> dict[str, list[BudgetUse]]:
        """Return how much of each budget is used: ``{account: uses of its budgets}``. Nothing is reserved."""
        try:
            if any(accounts.values()) and (shared := self._shared()) is not None:
                return await _in_time(read_use(shared.redis, accounts))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("budget_not_read", error=type(error).__name__)
        return {account: unread(budgets) for account, budgets in accounts.items()}

    async def pause(self, account: str, pause: timedelta) -> None:
        """Stop all calls of an account for some time, because the partner asked for it. A longer pause stays as it is."""
        self._local.pause(account, pause.total_seconds())
        try:
            if (redis := self.queue.pool) is not None:
                await _in_time(SharedWindows(redis).pause(account, pause))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("budget_not_shared", error=type(error).__name__)

    async def _take(self, account: str, rules: Sequence[_Rule], resync: bool) -> Hear | None:
        """Wait for the slot of a call. Returns what hears its response. Raises BudgetSpent if the slot is too far away."""
        sent = _calls_sent.get()
        begun = time.monotonic()
        give_up = begun + (PATIENCE if sent and sent[0] else LONGEST_WAIT)
        allowances = [rule.allowance for rule in rules]
        may_be_late = False
        while True:
            ahead = give_up - time.monotonic()
            if resync:
                ahead = min(RESYNC_AHEAD, ahead)
            windows, grant, due = await self._reserve(account, allowances, ahead=ahead, bulk=resync)
            wait = grant.wait
            if grant.is_reserved:
                wait = await self._reach(windows, account, allowances, grant, due)
                late = (time.monotonic() - due) * MICRO
                if wait <= 0 and (may_be_late or late <= min(one.pace.late for one in allowances)):
                    break
                # Late once is enough: a process that is always late would never send anything.
                may_be_late = wait <= 0
            elif resync:
                wait *= 1 + random.random() / 10  # noqa: S311  they ask again, not all at once
            if time.monotonic() + wait > give_up:
                raise BudgetSpent(
                    "the account's rate budget is spent", retry_after=timedelta(seconds=wait)
                )
            await asyncio.sleep(wait)
        if sent is not None:
            sent[0] += 1
            sent[1] += time.monotonic() - begun
        return self._listener(windows, account, rules, grant)

    async def _reserve(
        self, account: str, allowances: Sequence[Allowance], *, ahead: float, bulk: bool
    ) -> tuple[Windows, Grant, float]:
        """Return the windows that were asked, what they grant, and when the slot is due, by the monotonic clock."""
        if (shared := self._shared()) is not None:
            asked = time.monotonic()
            try:
                taking = shared.take(account, allowances, ahead=ahead, bulk=bulk)
                grant = await _in_time(taking)
                # As late as the calls before it, so that all keep their distances, however long replies take.
                usual = self._usual(time.monotonic() - asked)
                return shared, grant, asked + usual + grant.wait
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("budget_not_shared", error=type(error).__name__)
        grant = self._local.take(account, allowances, ahead=ahead, bulk=bulk)
        return self._local, grant, time.monotonic() + grant.wait

    def _usual(self, took: float) -> float:
        """Return how long Redis usually takes for a reply, given the seconds that one took."""
        self._usual_reply += (min(took, LONGEST_USUAL) - self._usual_reply) / 20
        return self._usual_reply

    async def _reach(
        self,
        windows: Windows,
        account: str,
        allowances: Sequence[Allowance],
        grant: Grant,
        due: float,
    ) -> float:
        """Sleep until a slot. Returns 0.0, or the seconds to wait because the account was paused, or its window is used up."""
        if grant.wait > CONFIRMED:
            await asyncio.sleep(due - EARLY - time.monotonic())
            try:
                if isinstance(windows, LocalWindows):
                    wait = windows.still(account, allowances, grant)
                else:
                    wait = await _in_time(windows.still(account, allowances, grant))
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("budget_not_shared", error=type(error).__name__)
                wait = self._local.paused(account)
            if wait > 0:
                return wait
        if (left := due - time.monotonic()) > SHORTEST:
            await asyncio.sleep(left)
        return self._local.paused(account)

    def _listener(
        self, windows: Windows, account: str, rules: Sequence[_Rule], grant: Grant
    ) -> Hear | None:
        """Return what records the limits in a call's response, or None if the partner reports none.

        The windows that granted the slot hear of it: the number of the call is theirs.
        """
        reporting = [
            (rule.allowance, rule.headers, number)
            for rule, number in zip(rules, grant.numbers, strict=True)
            if rule.headers is not None
        ]
        if not reporting:
            return None

        async def hear(response: Response) -> None:
            for allowance, names, number in reporting:
                limit = told_limit(names, response.headers, now=clock.now())
                if limit is not None:
                    await self._report(windows, account, allowance, number, limit)

        return hear

    async def _report(
        self,
        windows: Windows,
        account: str,
        allowance: Allowance,
        number: int,
        limit: ToldLimit,
    ) -> None:
        try:
            if isinstance(windows, LocalWindows):
                windows.report(account, allowance, number, limit)
            elif self._shared() is not None:
                await _in_time(windows.report(account, allowance, number, limit))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("budget_not_shared", error=type(error).__name__)

    def _shared(self) -> SharedWindows | None:
        redis = self.queue.pool
        return SharedWindows(redis) if redis is not None and not self.queue.silent_for() else None


async def _in_time(reply: Awaitable[T]) -> T:
    """Return a reply of Redis. Raises TimeoutError if it takes too long; the connection is closed then."""
    async with asyncio.timeout(REPLY):
        return await reply


def _rule(budget: RateBudget, resync: bool) -> _Rule:
    leaves = None if budget.headers is None else (1 - BULK_SHARE) * resync
    allowance = Allowance(budget.name, budget.calls, budget.window.total_seconds(), leaves)
    return _Rule(allowance, budget.headers)


def new_batch() -> None:
    """Count the calls that follow in this task as calls of one new batch."""
    _calls_sent.set([0, 0.0])
    _writes.set([0, 0])


def waited() -> float:
    """Return the seconds that the calls of this batch waited for their slots."""
    return (_calls_sent.get() or (0, 0.0))[1]


def writes_before(*, unsent: bool) -> int:
    """Return the number of writing calls of this batch before its last one. ``unsent``: the last one was not sent."""
    without_last, with_last = _writes.get() or (0, 0)
    return with_last if unsent else without_last


def _note_write(request: Request) -> None:
    writes = _writes.get()
    if writes is not None:
        writes[0] = writes[1]
        writes[1] += request.method not in {"GET", "HEAD"}
