"""Sliding windows in Redis, in which all processes count the calls of a partner account.

A budget of N calls is a sliding window: the times of the last N calls, by the clock of Redis. So no window of the partner
contains more than N calls, whenever it begins. Next to it, Redis keeps what the partner last reported about its own window:
the calls that are left, less the calls that the partner cannot have counted yet, until that window begins again.

It is our own because one script in Redis must check all budgets of an account together and reserve from all or none.
It also takes into account what the partner reports about its own window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from app.connectors.rate_headers import ToldLimit

# KEYS: pause, then for each budget the set of its calls and what the partner reported.
# ARGV: id of this call, then for each budget its limit, window (ms) and the share of a reported limit to leave; the share
# is empty if the partner reports nothing.
# Returns 0 if the call was reserved, or the milliseconds to wait.
_TAKE = """
local paused = redis.call('PTTL', KEYS[1])
if paused > 0 then return paused end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local wait, left, reset = 0, {}, {}
local budgets = (#KEYS - 1) / 2
for i = 1, budgets do
  local calls, report = KEYS[2 * i], KEYS[2 * i + 1]
  local limit, window = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now - window)
  if redis.call('ZCARD', calls) >= limit then
    local entry = redis.call('ZRANGE', calls, -limit, -limit, 'WITHSCORES')
    wait = math.max(wait, tonumber(entry[2]) + window - now, 1)
  end
  local leaves = tonumber(ARGV[3 * i + 1])
  local reported = leaves and redis.call('HMGET', report, 'limit', 'left', 'reset')
  if reported and reported[1] then
    left[i], reset[i] = tonumber(reported[2]), tonumber(reported[3])
    if now >= reset[i] then left[i], reset[i] = tonumber(reported[1]), now + window end
    if left[i] <= math.floor(tonumber(reported[1]) * leaves) then
      wait = math.max(wait, reset[i] - now, 1)
    end
  end
end
if wait > 0 then return wait end
for i = 1, budgets do
  redis.call('ZADD', KEYS[2 * i], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[2 * i], tonumber(ARGV[3 * i]))
  if left[i] then
    redis.call('HSET', KEYS[2 * i + 1], 'left', left[i] - 1, 'reset', reset[i])
  end
end
return 0
"""

# KEYS: the set of a budget's calls, what the partner reported. ARGV: id of the call whose response arrived, limit, calls
# left, time to the reset (ms), window (ms). The response to the latest call counts, less the calls that were sent after it.
_REPORT = """
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not at then return end
local heard = redis.call('HGET', KEYS[2], 'heard')
if heard and tonumber(at) < tonumber(heard) then return end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local later = redis.call('ZREVRANK', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], 'heard', at, 'limit', ARGV[2], 'left', tonumber(ARGV[3]) - later,
  'reset', now + tonumber(ARGV[4]))
redis.call('PEXPIRE', KEYS[2], tonumber(ARGV[4]) + 2 * tonumber(ARGV[5]))
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a call may use of one budget: ``calls`` in a window of ``window`` seconds.

    ``leaves`` is the share of the partner's reported limit that stays unused; None if the partner reports no limit.
    """

    name: str
    calls: int
    window: float
    leaves: float | None


@dataclass(slots=True)
class SharedWindows:
    """The windows that all processes share. The methods raise the errors of the Redis client."""

    redis: Redis

    async def take(self, account: str, call: str, allowances: Sequence[Allowance]) -> float:
        """Reserve one call. Returns 0.0, or the seconds to wait; then nothing was reserved."""
        keys = [pause_key(account)]
        values: list[str] = [call]
        for allowance in allowances:
            keys += _keys(account, allowance)
            values += [str(allowance.calls), str(int(allowance.window * 1000))]
            values.append("" if allowance.leaves is None else str(allowance.leaves))
        script = self.redis.eval(_TAKE, len(keys), *keys, *values)
        milliseconds = await script  # type: ignore[misc]  # redis types both of its clients as one
        return int(milliseconds) / 1000

    async def report(self, account: str, call: str, allowance: Allowance, limit: ToldLimit) -> None:
        """Record what the response to a call reports about the partner's window."""
        keys = _keys(account, allowance)
        milliseconds = (limit.reset.total_seconds() * 1000, allowance.window * 1000)
        values = [limit.limit or allowance.calls, limit.remaining, *map(int, milliseconds)]
        script = self.redis.eval(_REPORT, len(keys), *keys, call, *map(str, values))
        await script  # type: ignore[misc]  # redis types both of its clients as one


def pause_key(account: str) -> str:
    """Return the key that exists while an account is paused."""
    return f"budget:{account}:pause"


def _keys(account: str, allowance: Allowance) -> list[str]:
    """Return the keys of a budget's calls and of what the partner reported."""
    calls = f"budget:{account}:{allowance.name}"
    return [calls, f"{calls}:told"]
