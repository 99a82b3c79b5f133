"""Rate budgets of partner accounts, shared by all activations and workers through Redis (R24).

A budget of N calls in a window is kept as a sliding window: the moments of the last N calls, by Redis's own clock. So
no window of the partner, wherever it begins, sees more than N. Without Redis each process keeps its share by itself.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.connectors.base import RateBudget
from app.connectors.errors import BudgetSpent
from app.core.ids import new_id
from app.core.logging import get_logger
from app.queue import Queue

log = get_logger(__name__)

LONGEST_WAIT = 5.0  # seconds to wait in hand; longer, and the batch goes back to wait
MARGIN = 1.1  # our calls may bunch up on their way
SLACK = 0.25  # seconds, at least
RESYNC_SHARE = 0.7  # of a budget: the rest stays free for what is urgent

# KEYS: pause, then one sorted set per budget. ARGV: id of this call, then limit and window (ms) per budget.
# Answers 0 where the call may go out, and is noted; else the milliseconds until it is worth asking again.
_TAKE = """
local paused = redis.call('PTTL', KEYS[1])
if paused > 0 then return paused end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local wait = 0
for i = 2, #KEYS do
  local limit, window = tonumber(ARGV[2 * i - 2]), tonumber(ARGV[2 * i - 1])
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - window)
  if redis.call('ZCARD', KEYS[i]) >= limit then
    local entry = redis.call('ZRANGE', KEYS[i], -limit, -limit, 'WITHSCORES')
    wait = math.max(wait, tonumber(entry[2]) + window - now, 1)
  end
end
if wait > 0 then return wait end
for i = 2, #KEYS do
  redis.call('ZADD', KEYS[i], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[i], tonumber(ARGV[2 * i - 1]))
end
return 0
"""

# Calls that the batch at hand has made: once one is out, the others wait rather than leave it half done.
_calls_made: ContextVar[list[int] | None] = ContextVar("calls_made", default=None)
# Writing calls of the batch at hand: before the last call, and with it.
_writes: ContextVar[list[int] | None] = ContextVar("writes", default=None)
PATIENCE = 90.0  # seconds, for the calls after a batch's first

Gate = Callable[[httpx.Request], Awaitable[None]]


@dataclass(slots=True)
class Budgets:
    """The budgets of all accounts, as this process sees them."""

    queue: Queue
    processes: int  # worker processes that share an account while Redis is away
    _local: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    _paused: dict[str, float] = field(default_factory=dict)

    def gate(self, account: str, budgets: Sequence[RateBudget], *, resync: bool) -> Gate:
        """What each call of an account has to pass; a resync may use only a part of the budget."""
        rules = [(budget, re.compile(budget.paths)) for budget in budgets]

        async def pass_gate(request: httpx.Request) -> None:
            place = f"{request.method} {request.url.path}"
            concerned = [budget for budget, paths in rules if paths.search(place)]
            if concerned:
                await self._take(account, concerned, resync=resync)
            _note_write(request)

        return pass_gate

    async def pause(self, account: str, pause: timedelta) -> None:
        """The partner asked us to wait: nobody calls this account before."""
        milliseconds = max(1, int(pause.total_seconds() * 1000))
        self._paused[account] = time.monotonic() + pause.total_seconds()
        try:
            if (redis := self.queue.pool) is not None:
                await redis.set(_pause_key(account), 1, px=milliseconds)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("budget_not_shared", error=type(error).__name__)

    async def _take(self, account: str, budgets: Sequence[RateBudget], *, resync: bool) -> None:
        made = _calls_made.get()
        give_up = time.monotonic() + (PATIENCE if made and made[0] else LONGEST_WAIT)
        while True:
            wait = await self._ask(account, budgets, resync)
            if wait <= 0:
                if made is not None:
                    made[0] += 1
                return
            if time.monotonic() + wait > give_up:
                raise BudgetSpent(
                    "the account's rate budget is spent", retry_after=timedelta(seconds=wait)
                )
            await asyncio.sleep(wait)

    async def _ask(self, account: str, budgets: Sequence[RateBudget], resync: bool) -> float:
        share = RESYNC_SHARE if resync else 1.0
        limits = [
            (budget.name, max(1, int(budget.calls * share)), _spread(budget.window))
            for budget in budgets
        ]
        redis = self.queue.pool
        if redis is not None and not self.queue.silent_for():
            try:
                return await self._ask_redis(redis, account, limits)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("budget_not_shared", error=type(error).__name__)
        return self._ask_local(account, limits)

    async def _ask_redis(
        self, redis: Redis, account: str, limits: Sequence[tuple[str, int, float]]
    ) -> float:
        keys = [_pause_key(account), *(f"budget:{account}:{name}" for name, _, _ in limits)]
        numbers = [n for _, limit, window in limits for n in (limit, int(window * 1000))]
        script = redis.eval(_TAKE, len(keys), *keys, new_id("call"), *map(str, numbers))
        milliseconds = await script  # type: ignore[misc]  # redis types both of its clients as one
        return int(milliseconds) / 1000

    def _ask_local(self, account: str, limits: Sequence[tuple[str, int, float]]) -> float:
        now = time.monotonic()
        wait = max(0.0, self._paused.get(account, 0.0) - now)
        windows = []
        for name, limit, window in limits:
            share = max(1, limit // self.processes)
            calls = self._local.setdefault((account, name), deque())
            while calls and calls[0] <= now - window:
                calls.popleft()
            if len(calls) >= share:
                wait = max(wait, calls[-share] + window - now)
            windows.append(calls)
        if wait <= 0:
            for calls in windows:
                calls.append(now)
        return wait


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


def _pause_key(account: str) -> str:
    return f"budget:{account}:pause"
