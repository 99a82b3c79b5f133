"""Where the calls of an account are counted: in Redis for all processes, in this one while Redis is away.

A budget of N calls in a window is kept as a sliding window: the moments of the last N calls, by Redis's own clock. So
no window of the partner, wherever it begins, sees more than N. Beside it stands what the partner last told of its own
window: the calls left, less those of ours that it cannot have counted yet, until the window begins anew.

It is our own because one script in Redis must check all budgets of an account together and reserve from all or none.
It also takes into account what the partner reports about its own window.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis.asyncio import Redis

from app.connectors.rate_headers import ToldLimit

# KEYS: pause, then for each budget the set of its calls and what the partner told of it.
# ARGV: id of this call, then for each budget its limit, window (ms) and the share of a told limit to leave; that is
# empty where the partner tells nothing.
# Answers 0 where the call may go out, and is noted; else the milliseconds until it is worth asking again.
_TAKE = """
local paused = redis.call('PTTL', KEYS[1])
if paused > 0 then return paused end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local wait, left, reset = 0, {}, {}
local budgets = (#KEYS - 1) / 2
for i = 1, budgets do
  local calls, told = KEYS[2 * i], KEYS[2 * i + 1]
  local limit, window = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now - window)
  if redis.call('ZCARD', calls) >= limit then
    local entry = redis.call('ZRANGE', calls, -limit, -limit, 'WITHSCORES')
    wait = math.max(wait, tonumber(entry[2]) + window - now, 1)
  end
  local leaves = tonumber(ARGV[3 * i + 1])
  local said = leaves and redis.call('HMGET', told, 'limit', 'left', 'reset')
  if said and said[1] then
    left[i], reset[i] = tonumber(said[2]), tonumber(said[3])
    if now >= reset[i] then left[i], reset[i] = tonumber(said[1]), now + window end
    if left[i] <= math.floor(tonumber(said[1]) * leaves) then
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

# KEYS: the set of a budget's calls, what the partner told. ARGV: id of the call that was answered, limit, calls left,
# time to the reset (ms), window (ms). The latest call's answer counts, less the calls that went out after it.
_TELL = """
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
    """What a call may use of one budget: so many calls in a window of seconds, and the share of a told limit it leaves.

    ``leaves`` is None where the partner tells nothing.
    """

    name: str
    calls: int
    window: float
    leaves: float | None


@dataclass(slots=True)
class SharedWindows:
    """The windows of all processes. Every method raises what Redis raises."""

    redis: Redis

    async def take(self, account: str, call: str, allowances: Sequence[Allowance]) -> float:
        """Note a call, and 0; else the seconds until it is worth asking again."""
        keys = [pause_key(account)]
        values: list[str] = [call]
        for one in allowances:
            keys += [_calls_key(account, one.name), _told_key(account, one.name)]
            values += [str(one.calls), str(int(one.window * 1000))]
            values.append("" if one.leaves is None else str(one.leaves))
        script = self.redis.eval(_TAKE, len(keys), *keys, *values)
        milliseconds = await script  # type: ignore[misc]  # redis types both of its clients as one
        return int(milliseconds) / 1000

    async def tell(self, account: str, call: str, one: Allowance, told: ToldLimit) -> None:
        """What the partner answered to a call."""
        keys = [_calls_key(account, one.name), _told_key(account, one.name)]
        milliseconds = (told.reset.total_seconds() * 1000, one.window * 1000)
        values = [told.limit or one.calls, told.remaining, *map(int, milliseconds)]
        script = self.redis.eval(_TELL, len(keys), *keys, call, *map(str, values))
        await script  # type: ignore[misc]  # as above


@dataclass(slots=True)
class _Told:
    limit: int
    left: int
    reset: float  # of the monotonic clock


@dataclass(slots=True)
class LocalWindows:
    """The share of one process among several, by its own clock."""

    processes: int
    _calls: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    _told: dict[tuple[str, str], _Told] = field(default_factory=dict)
    _paused: dict[str, float] = field(default_factory=dict)

    def pause(self, account: str, seconds: float) -> None:
        """No call before."""
        self._paused[account] = time.monotonic() + seconds

    def take(self, account: str, allowances: Sequence[Allowance]) -> float:
        """Note a call, and 0; else the seconds until it is worth asking again."""
        now = time.monotonic()
        wait = max(0.0, self._paused.get(account, 0.0) - now)
        windows = []
        for one in allowances:
            share = max(1, one.calls // self.processes)
            calls = self._calls.setdefault((account, one.name), deque())
            while calls and calls[0] <= now - one.window:
                calls.popleft()
            if len(calls) >= share:
                wait = max(wait, calls[-share] + one.window - now)
            wait = max(wait, self._told_wait(account, one, now))
            windows.append(calls)
        if wait <= 0:
            for one, calls in zip(allowances, windows, strict=True):
                calls.append(now)
                if (told := self._told.get((account, one.name))) is not None:
                    told.left -= 1
        return wait

    def tell(self, account: str, one: Allowance, told: ToldLimit) -> None:
        """What the partner answered to a call; the other processes use what is left as well."""
        limit, left = (n // self.processes for n in (told.limit or one.calls, told.remaining))
        reset = time.monotonic() + told.reset.total_seconds()
        self._told[account, one.name] = _Told(max(1, limit), left, reset)

    def _told_wait(self, account: str, one: Allowance, now: float) -> float:
        told = self._told.get((account, one.name))
        if told is None or one.leaves is None:
            return 0.0
        if now >= told.reset:
            del self._told[account, one.name]
            return 0.0
        return told.reset - now if told.left <= math.floor(told.limit * one.leaves) else 0.0


def pause_key(account: str) -> str:
    """Where it stands that an account is left alone."""
    return f"budget:{account}:pause"


def _calls_key(account: str, name: str) -> str:
    return f"budget:{account}:{name}"


def _told_key(account: str, name: str) -> str:
    return f"budget:{account}:{name}:told"
