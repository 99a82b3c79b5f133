"""Rate budgets in Redis: one virtual clock for each budget of a partner account, for all processes.

Next to the clocks, Redis keeps what the partner last reported about its own window: the number of the last call that it
permits, counted from the call whose response reported it. So calls that are under way count, although the report does not
know of them.

It is our own because one script in Redis must find a slot that all budgets of an account permit together, or reserve none.
It also takes into account what the partner reports about its own window. The commands of redis-cell and of Redis itself
(``GCRA``, not released yet) know one budget at a time and no slot in the future.

Keys carry the version of this arithmetic: during an upgrade, older processes keep theirs. The pause has no version, so it
counts for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis

from app.connectors.rate_headers import ToldLimit
from app.services.platform.virtual_clocks import CLOCKS_IN_LUA, MICRO, Pace, pace_of

VERSION = 2
LONGEST_AHEAD = 300  # seconds: a slot that is further away was given by a clock that was set back
_KEPT_MS = 3_700_000  # a partner may report a window of an hour

_NOW = """
local function time_of(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end
"""

# KEYS: pause. ARGV: milliseconds.
_PAUSE = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end
"""

# KEYS: pause, then one for each budget. ARGV: time (empty: that of Redis), how far away a slot may be, 1 for a resync;
# then for each budget: window, even, slow, burst, bulk, and the share of a reported limit to leave, empty if none is reported.
# Returns 1 and the time until the slot, and of each budget the number of the call; or 0 and the time to wait.
_TAKE = (
    (
        CLOCKS_IN_LUA
        + _NOW
        + """
local paused = redis.call('PTTL', KEYS[1])
if paused > 0 then return {0, paused * 1000} end
local now, ahead, bulk = time_of(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local slot, wait, found = now, 0, {}
for i = 2, #KEYS do
  local a = 6 * i - 8
  local p = {window = tonumber(ARGV[a]), even = tonumber(ARGV[a + 1]), slow = tonumber(ARGV[a + 2]),
    burst = tonumber(ARGV[a + 3]), bulk = tonumber(ARGV[a + 4])}
  local c = read_clocks(KEYS[i])
  if c.last > now + LONGEST_AHEAD then
    c.last, c.close, c.ahead, c.bulk, c.since = now, now, now + p.burst, now, 0
  end
  slot = math.max(slot, earliest(c, p, now, bulk))
  local told = redis.call('HMGET', KEYS[i], 'count', 'limit', 'upto', 'reset')
  local number = tonumber(told[1] or '0') + 1
  local leaves, limit = tonumber(ARGV[a + 5]), tonumber(told[2] or '')
  local upto, reset
  if leaves and limit then
    upto, reset = tonumber(told[3]), tonumber(told[4])
    if now >= reset then upto, reset = number - 1 + limit, now + p.window end
    if number > upto - math.floor(limit * leaves) then wait = math.max(wait, reset - now) end
  end
  found[i] = {p, c, number, upto, reset}
end
if wait > 0 then return {0, wait} end
if slot - now > ahead then return {0, slot - now} end
local numbers = {1, slot - now}
for i = 2, #KEYS do
  local p, c, number, upto, reset = unpack(found[i], 1, 5)
  reserve(KEYS[i], c, p, slot, bulk)
  redis.call('HSET', KEYS[i], 'count', text(number))
  if upto then redis.call('HSET', KEYS[i], 'upto', text(upto), 'reset', text(reset)) end
  redis.call('PEXPIRE', KEYS[i], text(math.ceil((slot - now + 2 * p.window) / 1000) + KEPT_MS))
  numbers[i + 1] = number
end
return numbers
"""
    )
    .replace("LONGEST_AHEAD", str(LONGEST_AHEAD * MICRO))
    .replace("KEPT_MS", str(_KEPT_MS))
)

# KEYS: pause, then one for each budget. ARGV: time, then for each budget the number of a call that has a slot, and the
# share of a reported limit to leave. Returns the time to wait if its slot no longer counts, or 0.
_STILL = (
    _NOW
    + """
local wait = math.max(redis.call('PTTL', KEYS[1]), 0) * 1000
local now = time_of(ARGV[1])
for i = 2, #KEYS do
  local number, leaves = tonumber(ARGV[2 * i - 2]), tonumber(ARGV[2 * i - 1])
  local told = leaves and redis.call('HMGET', KEYS[i], 'limit', 'upto', 'reset')
  if told and told[1] and now < tonumber(told[3]) then
    if number > tonumber(told[2]) - math.floor(tonumber(told[1]) * leaves) then
      wait = math.max(wait, tonumber(told[3]) - now)
    end
  end
end
return wait
"""
)

# KEYS: one budget. ARGV: time, number of the call whose response arrived, limit, calls left, time to the reset.
# The response to the latest call counts.
_REPORT = (
    _NOW
    + """
local stored = redis.call('HMGET', KEYS[1], 'count', 'heard')
local number = tonumber(ARGV[2])
if not stored[1] or number > tonumber(stored[1]) or number < tonumber(stored[2] or '0') then return end
redis.call('HSET', KEYS[1], 'heard', ARGV[2], 'limit', ARGV[3],
  'upto', string.format('%.0f', number + tonumber(ARGV[4])),
  'reset', string.format('%.0f', time_of(ARGV[1]) + tonumber(ARGV[5])))
"""
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a call may use of one budget: ``calls`` in a window of ``window`` seconds.

    ``leaves`` is the share of the partner's reported limit that stays unused; None if the partner reports no limit.
    """

    name: str
    calls: int
    window: float
    leaves: float | None
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pace", pace_of(self.calls, self.window))


@dataclass(frozen=True, slots=True)
class Grant:
    """A slot that was reserved ``wait`` seconds from now, or, without ``numbers``, the seconds to wait before asking again.

    ``numbers`` are those of the call in each of its budgets: calls are counted.
    """

    wait: float
    numbers: tuple[int, ...] = ()

    @property
    def is_reserved(self) -> bool:
        """Whether the call has a slot."""
        return bool(self.numbers)


@dataclass(slots=True)
class SharedWindows:
    """The budgets that all processes share. The methods raise the errors of the Redis client."""

    redis: Redis
    now: int | None = None  # microseconds; None: the clock of Redis

    async def take(
        self, account: str, allowances: Sequence[Allowance], *, ahead: float, bulk: bool
    ) -> Grant:
        """Reserve the next slot of one call, at most ``ahead`` seconds from now. ``bulk``: of a resync."""
        values = [int(max(ahead, 0) * MICRO), "1" if bulk else ""]
        for allowance in allowances:
            pace = allowance.pace
            values += [pace.window, pace.even, pace.slow, pace.burst, pace.bulk, _leaves(allowance)]
        is_reserved, wait, *numbers = await self._run(_TAKE, account, allowances, values)
        return Grant(wait / MICRO, tuple(numbers) if is_reserved else ())

    async def still(self, account: str, allowances: Sequence[Allowance], grant: Grant) -> float:
        """Return 0.0 if a slot still counts, or the seconds to wait: the account was paused, or its window is used up."""
        values: list[object] = []
        for allowance, number in zip(allowances, grant.numbers, strict=True):
            values += [number, _leaves(allowance)]
        wait = await self._run(_STILL, account, allowances, values)
        return int(wait) / MICRO

    async def report(
        self, account: str, allowance: Allowance, number: int, limit: ToldLimit
    ) -> None:
        """Record what the response to a call reports about the partner's window."""
        reset = int(limit.reset / timedelta(microseconds=1))
        values = [self._time(), number, limit.limit or allowance.calls, limit.remaining, reset]
        script = self.redis.eval(_REPORT, 1, budget_key(account, allowance.name), *map(str, values))
        await script  # type: ignore[misc]  # redis types both of its clients as one

    async def pause(self, account: str, pause: timedelta) -> None:
        """Allow no call of an account for some time, or for the rest of an earlier pause if that is longer."""
        milliseconds = max(1, int(pause.total_seconds() * 1000))
        script = self.redis.eval(_PAUSE, 1, pause_key(account), str(milliseconds))
        await script  # type: ignore[misc]  # redis types both of its clients as one

    async def _run(
        self, script: str, account: str, allowances: Sequence[Allowance], values: Sequence[object]
    ) -> Any:
        keys = [pause_key(account), *(budget_key(account, one.name) for one in allowances)]
        arguments = map(str, (self._time(), *values))
        return await self.redis.eval(script, len(keys), *keys, *arguments)  # type: ignore[misc]

    def _time(self) -> str:
        return "" if self.now is None else str(self.now)


def pause_key(account: str) -> str:
    """Return the key that exists while an account is paused."""
    return f"budget:{account}:pause"


def budget_key(account: str, budget: str) -> str:
    """Return the key of a budget: a hash of its clocks and of what the partner reported."""
    return f"budget:{account}:{budget}:v{VERSION}"


def _leaves(allowance: Allowance) -> str:
    return "" if allowance.leaves is None else str(allowance.leaves)
