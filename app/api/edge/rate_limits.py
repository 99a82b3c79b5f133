"""Rate limits of the API: the limit of each operation, and fixed windows of one minute.

A window belongs to a token and an operation and starts with the first call. Redis stores the count, so all API
processes share it. If Redis does not respond within 50 ms, each process counts alone, with its share of the limit:
requests stay limited, and no request fails because of Redis.

This is not a library because the contract returns the exact count and the milliseconds that are left of a window that
starts with its first call. Both come from one command to Redis, within 50 ms. Without Redis, each process needs its
share of the limit.
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

DEFAULT = 1000  # for operations whose limit Segment does not publish; its documents say that 600 is below the default
WRONG_TOKENS = 60  # invalid tokens from one client address

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

# One command: count the call, and set the end of the window with the first. PTTL uses the clock of Redis, so that all
# processes agree on the end.
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
    """The state of a window after a call: calls so far, the limit, and the milliseconds until it ends."""

    consumed: int
    limit: int
    left_ms: int

    @property
    def allowed(self) -> bool:
        """Whether this call is within the limit."""
        return self.consumed <= self.limit

    def headers(self) -> dict[str, str]:
        """Return the headers of a rate-limited response: ``{"X-RateLimit-Consumed": "1", …}``."""
        return {
            "X-RateLimit-Consumed": str(self.consumed),
            "X-RateLimit-Remaining": str(max(self.limit - self.consumed, 0)),
            "X-RateLimit-Reset": _date(math.ceil(time.time() + self.left_ms / 1000)),
        }

    def refusal(self) -> RateLimited:
        """Create the error 429. Its Retry-After is the rest of the window in whole seconds, at least 1."""
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
    # Thousands of responses share a second, and formatting the date is the most expensive part of the headers.
    global _last_date
    if _last_date[0] != second:
        _last_date = (second, formatdate(second, usegmt=True))
    return _last_date[1]


class RateLimiter:
    """The counter of calls; one per API process."""

    def __init__(self, settings: Settings, redis_url: str | None) -> None:
        self._on = settings.rate_limits == "on"
        self._scale = settings.rate_limit_scale
        self._processes = settings.api_processes
        self._redis = RedisClient(redis_url, budget=_BUDGET_SECONDS) if redis_url else None
        self._local = _LocalWindows()

    async def open(self) -> None:
        """Connect to Redis if it is configured."""
        if self._redis is not None and self._on:
            await self._redis.open()

    async def close(self) -> None:
        """Close the connection to Redis."""
        if self._redis is not None:
            await self._redis.close()

    async def admit(self, token_id: str, operation: str) -> Standing | None:
        """Count a call of an operation. Returns None if limits are off. Raises RateLimited if the window is full."""
        if not self._on:
            return None
        return await self._hit(f"limit:{token_id}:{operation}", LIMITS.get(operation, DEFAULT))

    async def wrong_token(self, address: str) -> None:
        """Count an invalid token from a client address. Raises RateLimited if there were too many."""
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
    """Windows that this process counts alone while Redis is unavailable."""

    def __init__(self, window: timedelta = timedelta(milliseconds=_WINDOW_MS)) -> None:
        self._window = window.total_seconds()
        self._windows: dict[str, tuple[int, float]] = {}

    def hit(self, key: str) -> tuple[int, int]:
        """Count a call. Returns the count and the milliseconds until the window ends."""
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
        # All windows are running, so a client sends from many addresses. Dropping them keeps memory bounded.
        self._windows = alive if len(alive) < _LOCAL_WINDOWS else {}
