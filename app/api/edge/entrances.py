"""How many requests this process works on at once. The next ones wait in turn, and the rest are refused at once (R44).

Without a bound, 1,000 clients at once all wait for 15 s. With it, a request is served soon, or refused in a
millisecond with the time to come back, and nothing of it was done.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.core.errors import Unavailable

PLACE = "activations.place"  # in the ASGI scope: the place of the request
SOON = 0.05  # seconds that a request keeps its place while its body arrives
_SPREAD = 3  # seconds over which refused clients come back


class Entrance:
    """A number of places. Waiting callers get them in turn, and one caller never takes up the whole queue."""

    def __init__(self, places: int, queue: int, patience: float) -> None:
        """``patience`` is how long a request waits, in seconds."""
        self._free = places
        self._queue = queue
        self._patience = patience
        self._waiting = 0
        self._turns: OrderedDict[Hashable, deque[asyncio.Future[bool]]] = OrderedDict()
        self._refused = 0

    async def enter(self, caller: Hashable) -> None:
        """Take a place. Raises Unavailable if too many wait for one, or if none became free in time."""
        if self._free and not self._waiting:
            self._free -= 1
            return
        ahead = len(self._turns.get(caller, ()))
        if self._waiting >= self._queue or ahead >= max(self._queue * 3 // 4, 1):
            raise self._refusal()
        if not await self._wait(caller):
            raise self._refusal()

    def leave(self) -> None:
        """Give a place back. It goes to the caller whose turn it is, and its next turn comes after all others."""
        while self._turns:
            caller, turns = self._turns.popitem(last=False)
            turn = turns.popleft()
            self._waiting -= 1
            if turns:
                self._turns[caller] = turns  # at the end
            if not turn.done():
                turn.set_result(True)
                return
        self._free += 1

    async def _wait(self, caller: Hashable) -> bool:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._turns.setdefault(caller, deque()).append(turn)
        self._waiting += 1
        timer = loop.call_later(self._patience, self._give_up, caller, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()  # it got its place at the moment when it was cancelled
            else:
                self._forget(caller, turn)
            raise
        finally:
            timer.cancel()

    def _give_up(self, caller: Hashable, turn: asyncio.Future[bool]) -> None:
        if not turn.done():
            self._forget(caller, turn)
            turn.set_result(False)

    def _forget(self, caller: Hashable, turn: asyncio.Future[bool]) -> None:
        turns = self._turns.get(caller)
        if turns is None or turn not in turns:
            return
        turns.remove(turn)
        self._waiting -= 1
        if not turns:
            del self._turns[caller]

    def _refusal(self) -> Unavailable:
        self._refused += 1
        seconds = 1 + self._refused % _SPREAD
        return Unavailable(
            "Too many requests at once. Nothing was done; try again.",
            headers={"Retry-After": str(seconds)},
        )


class Place:
    """The place of one request, which it has only while there is work to do: clients that send slowly take up none."""

    def __init__(self, entrance: Entrance, caller: Hashable) -> None:
        self._entrance = entrance
        self._caller = caller
        self._is_held = False

    async def take(self) -> None:
        """Take a place, unless the request has one. Raises Unavailable as ``Entrance.enter`` does."""
        if not self._is_held:
            await self._entrance.enter(self._caller)
            self._is_held = True

    def give_back(self) -> None:
        """Give the place back, if the request has one."""
        if self._is_held:
            self._is_held = False
            self._entrance.leave()

    @asynccontextmanager
    async def while_received(self) -> AsyncIterator[None]:
        """Give the place back if the block, which receives a body, takes long. Then take one again."""
        timer = asyncio.get_running_loop().call_later(SOON, self.give_back)
        try:
            yield
        finally:
            timer.cancel()
        await self.take()


@dataclass(frozen=True, slots=True)
class Entrances:
    """The entrances of a process: of requests that only use the database, of those that also use partners or files, of uploads."""

    quick: Entrance = field(default_factory=lambda: Entrance(32, 256, 1.0))
    lasting: Entrance = field(default_factory=lambda: Entrance(64, 128, 5.0))
    upload: Entrance = field(default_factory=lambda: Entrance(32, 64, 10.0))
