"""How often an operation may be called: the table, and the exact fixed windows behind it.

A window belongs to a token and an operation, begins with its first call and lasts a minute. Its count lives in Redis,
so that all API processes share it. While Redis is away (no answer within 50 ms) each process counts by itself at its
share of the limit: never unlimited, never an outage.

It is our own because the contract shows the exact count and the milliseconds left of a window that begins with its
first call. Both come from one command to Redis, within 50 ms. Without Redis, each process needs its share of the
limit.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import timedelta
from email.utils import formatdate

from app.core.config import Settings
from app.core.errors import RateLimited
from app.core.redis_client import RedisAway, RedisClient

DEFAULT = (
    1000  # operations whose number is not published; the documents call 600 less than the default
)
WRONG_TOKENS = 60  # refused tokens from one address

#: Calls per minute, by operationId.
LIMITS = {
    "listSupportedDestinationsFromAudience": 60,
    "addDestinationToAudience": 50,
    "listDestinationsFromAudience": 50,
    "addActivationToAudience": 50,
    "listActivationsFromAudience": 60,
    "getActivationFromAudience": 60,
    "updateActivationForAudience": 50,
    "removeActivationFromAudience": 50,
    "listAudiences": 60,
    "createAudience": 50,
    "getAudience": 100,
    "updateAudienceForSpace": 50,
    "removeAudienceFromSpace": 50,
    "createAudiencePreview": 5,
    "getAudiencePreview": 300,
    "listAudienceConsumersFromSpaceAndAudience": 25,
    "addAudienceScheduleToAudience": 50,
    "updateAudienceScheduleForAudience": 50,
    "removeAudienceScheduleFromAudience": 50,
}

_WINDOW_MS = 60_000
_BUDGET_SECONDS = 0.05
_LOCAL_WINDOWS = 100_000

# One call: count, and start the window's end with its first. PTTL is Redis's own clock, so all processes agree.
_COUNT = """
local n = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {n, left}
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a window stands after a call: calls so far, its limit, and how long it lasts still."""

    consumed: int
    limit: int
    left_ms: int

    @property
    def allowed(self) -> bool:
        """Whether this call is within the limit."""
        return self.consumed <= self.limit

    def headers(self) -> dict[str, str]:
        """The three headers of every limited answer."""
        return {
            "X-RateLimit-Consumed": str(self.consumed),
            "X-RateLimit-Remaining": str(max(self.limit - self.consumed, 0)),
            "X-RateLimit-Reset": _date(math.ceil(time.time() + self.left_ms / 1000)),
        }

    def refusal(self) -> RateLimited:
        """429 with a Retry-After that is honest and at least 1."""
        retry_after = max(math.ceil(self.left_ms / 1000), 1)
        return RateLimited(
            "Too many requests",
            data={
                "remainingPoints": 0,
                "msBeforeNext": max(self.left_ms, 1),
                "consumedPoints": self.consumed,
            },
            headers={**self.headers(), "Retry-After": str(retry_after)},
        )


_last_date: tuple[int, str] = (0, "")


def _date(second: int) -> str:
    # Thousands of answers name the same second; formatting it is the dearest part of the headers.
    global _last_date
    if _last_date[0] != second:
        _last_date = (second, formatdate(second, usegmt=True))
    return _last_date[1]


class RateLimiter:
    """Counts calls; one in each API process."""

    def __init__(self, settings: Settings, redis_url: str | None) -> None:
        self._on = settings.rate_limits == "on"
        self._scale = settings.rate_limit_scale
        self._processes = settings.api_processes
        self._redis = RedisClient(redis_url, budget=_BUDGET_SECONDS) if redis_url else None
        self._local = _LocalWindows()

    async def open(self) -> None:
        """Connect to Redis where there is one."""
        if self._redis is not None and self._on:
            await self._redis.open()

    async def close(self) -> None:
        """Let go of Redis."""
        if self._redis is not None:
            await self._redis.close()

    async def admit(self, token_id: str, operation: str) -> Standing | None:
        """Count a call of an operation; RateLimited where the window is full, None where limits are off."""
        if not self._on:
            return None
        return await self._hit(f"limit:{token_id}:{operation}", LIMITS.get(operation, DEFAULT))

    async def wrong_token(self, address: str) -> None:
        """Count a refused token of a client address; RateLimited where there were too many."""
        if self._on:
            await self._hit(f"limit:wrong:{address}", WRONG_TOKENS)

    async def _hit(self, key: str, number: int) -> Standing:
        limit = max(int(number * self._scale), 1)
        standing = await self._shared(key, limit) or self._own(key, limit)
        if not standing.allowed:
            raise standing.refusal()
        return standing

    async def _shared(self, key: str, limit: int) -> Standing | None:
        if self._redis is None:
            return None
        try:
            consumed, left = await self._redis.command("EVAL", _COUNT, 1, key, _WINDOW_MS)
        except RedisAway:
            return None
        return Standing(consumed, limit, left)

    def _own(self, key: str, limit: int) -> Standing:
        share = max(limit // self._processes, 1)
        consumed, left = self._local.hit(key)
        return Standing(consumed, share, left)


class _LocalWindows:
    """The same windows in this process alone."""

    def __init__(self, window: timedelta = timedelta(milliseconds=_WINDOW_MS)) -> None:
        self._window = window.total_seconds()
        self._windows: dict[str, tuple[int, float]] = {}

    def hit(self, key: str) -> tuple[int, int]:
        """The count after this call, and the milliseconds that are left."""
        now = time.monotonic()
        count, end = self._windows.get(key, (0, 0.0))
        if end <= now:
            if len(self._windows) >= _LOCAL_WINDOWS:
                self._forget(now)
            count, end = 0, now + self._window
        self._windows[key] = (count + 1, end)
        return count + 1, max(int((end - now) * 1000), 1)

    def _forget(self, now: float) -> None:
        alive = {key: window for key, window in self._windows.items() if window[1] > now}
        # Full of running windows: somebody makes up addresses. Starting over keeps memory bounded.
        self._windows = alive if len(alive) < _LOCAL_WINDOWS else {}
