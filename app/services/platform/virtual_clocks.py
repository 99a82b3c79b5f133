"""Even spacing of calls by virtual clocks: the arithmetic of rate budgets, for one process and for Redis.

A partner allows N calls in a window of W seconds. Nobody knows where its window begins or how it counts, so the strictest form
is assumed: no W seconds contain more than N calls, whenever they begin. Fixed windows and a token bucket of N allow more.

Each budget has two clocks, both of the generic cell rate algorithm (GCRA). They give each call its **slot**: the time at which
it may be sent. ``X`` is the window with its spread, ``X = W + J``.

- The **even** clock spaces calls by ``X / N``. It counts only if all calls of the last X kept that distance.
- The **burst** clock serves small work after a quiet time: half of N at once, then one call in each ``X / (N - N / 2)``.

A call gets the earlier slot of the two. Calls that go on and on use the even clock, after at most one window. A short gap does
not bring the burst clock back, because the window after a burst is slower: that needs half a window without calls.

**Why no X seconds contain more than N slots.** Let S be the burst clock's distance, and look at the X seconds that end with a
slot at t. If each of their calls was permitted by the burst clock, they are fewer than X / S + N / 2, so at most N. Otherwise let
e be the last call that only the even clock permitted. The calls up to e kept the distance X / N, so at most
N - N * (t - e) / X of them are left. The even clock sets the burst clock to its end, so after e there is one call in each S, which
is slower than the even ones disappear.

**Why no W seconds at the partner contain more than N arrivals.** A call arrives after its slot: by the lateness of the process
plus the time on the network. If these sums differ by at most J, calls that arrive in W seconds have slots in X seconds. Half of J is
for lateness: a process that is later than that asks for another slot. The time that Redis usually takes for a reply is no lateness:
each call of a process comes as much later. J is 4 % of the window, 8 % if N < 100, at most two seconds. So N * W / X calls
arrive: 96 % of the limit (93 % if N < 100), more in long windows. A partner whose network differs by more still sees even calls: one
late call is one more in its window, and the window has room for 4 % more.

All times are whole microseconds: a double, which is all that Lua has, is exact up to 2**53, and the time since 1970 is
1.8e15 of them. Lua writes large numbers with 14 digits only, so they are formatted before they are stored. The clock in the
server counts for all processes; if it was set back, the clocks start anew.
"""

from __future__ import annotations

from dataclasses import dataclass

MICRO = 1_000_000
MANY = 100  # calls in a window: with fewer, the spread may be wider
SPREAD, SPREAD_OF_FEW = 0.04, 0.08  # of the window
LONGEST_SPREAD = 2.0  # seconds
BULK_SHARE = 0.7  # of a budget that resyncs may use: the rest is left to urgent calls


@dataclass(frozen=True, slots=True)
class Pace:
    """The distances of one budget's clocks, in microseconds."""

    window: int  # X
    even: int
    slow: int  # of the burst clock
    burst: int  # by how much the burst clock may be ahead
    bulk: int  # of the calls of resyncs among themselves
    late: int  # by how much a call may be sent after its slot


def pace_of(calls: int, window: float) -> Pace:
    """Return the pace of a budget of ``calls`` in ``window`` seconds."""
    share = SPREAD if calls >= MANY else SPREAD_OF_FEW
    spread = int(min(window * share, LONGEST_SPREAD) * MICRO)
    whole = int(window * MICRO) + spread
    at_once = max(1, calls // 2)
    even, slow = -(-whole // calls), -(-whole // max(1, calls - at_once))
    return Pace(
        window=whole,
        even=even,
        slow=slow,
        burst=(at_once - 1) * slow,
        bulk=int(even / BULK_SHARE),
        late=spread // 2,
    )


@dataclass(slots=True)
class Clocks:
    """The clocks of one budget, in microseconds of the clock that its owner reads.

    The names are those of the fields in Redis. The sums of two windows, ``former`` and ``current``, say how much was used.
    """

    last: int = -(1 << 52)  # the slot of the latest call
    ahead: int = 0  # the burst clock: its theoretical arrival time
    close: int = -(
        1 << 52
    )  # the slot of the latest call that came closer than ``even`` to the one before it
    bulk: int = 0  # the earliest slot of the next call of a resync
    since: int = 0  # when the current window of the sums began
    former: int = 0
    current: int = 0

    def slot(self, pace: Pace, now: int, *, bulk: bool) -> int:
        """Return the earliest slot of a call. Every later time is a slot too. Nothing is reserved."""
        at = max(now, self.last, self.bulk if bulk else 0)
        by_even = max(at, self.last + pace.even, self.close + pace.window)
        if self.close + pace.window <= at and self.ahead - at > max(pace.burst // 2, pace.slow):
            return by_even
        return min(by_even, max(at, self.ahead - pace.burst))

    def reserve(self, pace: Pace, slot: int, *, bulk: bool) -> None:
        """Give a slot to a call."""
        if slot - self.last < pace.even:
            self.close = slot
        # The end of the burst clock: the next call that it permits is one slow distance away.
        self.ahead = min(max(self.ahead, slot), slot + pace.burst) + pace.slow
        self.last = slot
        if bulk:
            self.bulk = slot + pace.bulk
        self._roll(slot, pace.window)
        self.current += 1

    def _roll(self, at: int, window: int) -> None:
        begun = at - at % window
        if begun > self.since:
            self.former = self.current if begun - self.since == window else 0
            self.since, self.current = begun, 0

    def used(self, window: int, now: int) -> int:
        """Return how many slots the last window has, estimated from the sums of two windows, and of those to come."""
        begun = max(now - now % window, self.since)
        former, current = self.former, self.current
        if begun > self.since:
            former, current = (current if begun - self.since == window else 0), 0
        share = min(max(now - begun, 0), window)
        return current + former * (window - share) // window


#: The same arithmetic in Lua. A test compares both, step by step.
CLOCKS_IN_LUA = """
local FIELDS = {'last', 'ahead', 'close', 'bulk', 'since', 'former', 'current'}
local function text(number) return string.format('%.0f', number) end
local function read_clocks(key)
  local clocks, stored = {}, redis.call('HMGET', key, unpack(FIELDS))
  for i, name in ipairs(FIELDS) do clocks[name] = tonumber(stored[i] or '0') end
  return clocks
end
local function earliest(c, p, now, bulk)
  local at = math.max(now, c.last, bulk and c.bulk or 0)
  local by_even = math.max(at, c.last + p.even, c.close + p.window)
  if c.close + p.window <= at and c.ahead - at > math.max(math.floor(p.burst / 2), p.slow) then
    return by_even
  end
  return math.min(by_even, math.max(at, c.ahead - p.burst))
end
local function reserve(key, c, p, slot, bulk)
  if slot - c.last < p.even then c.close = slot end
  c.ahead = math.min(math.max(c.ahead, slot), slot + p.burst) + p.slow
  c.last = slot
  if bulk then c.bulk = slot + p.bulk end
  local begun = slot - slot % p.window
  if begun > c.since then
    c.former = begun - c.since == p.window and c.current or 0
    c.since, c.current = begun, 0
  end
  c.current = c.current + 1
  local values = {}
  for i, name in ipairs(FIELDS) do
    values[2 * i - 1], values[2 * i] = name, text(c[name])
  end
  redis.call('HSET', key, unpack(values))
end
"""
