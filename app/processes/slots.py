"""Slots that are fair between owners: an owner with many requests delays the next request of another by one turn."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator

REMEMBERED = 3600.0  # seconds


class FairSlots:
    """A number of slots. Free ones go to the waiting owners in turn, and within an owner in the order of arrival.

    Of several slots, no owner has all if another has asked within the last hour: work that ends only at its deadline
    would delay the other until then.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._most = max(1, slots - 1)  # of one owner, where there are others
        self._held: Counter[str] = Counter()
        self._asked: dict[str, float] = {}  # by owner
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def is_free(self) -> bool:
        """Whether a slot is free."""
        return self._free > 0

    @contextlib.asynccontextmanager
    async def slot(self, owner: str) -> AsyncIterator[None]:
        """Hold a slot while the block runs; waits until there is one."""
        await self._take(owner)
        try:
            yield
        finally:
            self._give(owner)

    async def _take(self, owner: str) -> None:
        now = time.monotonic()
        self._asked = {key: at for key, at in self._asked.items() if now - at < REMEMBERED}
        self._asked[owner] = now
        if self._free and self._may(owner):
            self._free -= 1
            self._held[owner] += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(owner)  # it got a slot at the moment when it was cancelled
            else:
                self._forget(owner, turn)
            raise

    def _forget(self, owner: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(owner)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[owner]

    def _may(self, owner: str) -> bool:
        return self._held[owner] < self._most or not self._asked.keys() - {owner}

    def _give(self, former: str) -> None:
        """Take a slot back, and pass it on to the owner whose turn it is; its next turn comes after all others."""
        self._held[former] -= 1
        self._free += 1
        while (owner := next(filter(self._may, self._waiting), None)) is not None:
            queue = self._waiting.pop(owner)
            turn = queue.popleft()
            if queue:
                self._waiting[owner] = queue  # at the end
            if not turn.done():
                self._free -= 1
                self._held[owner] += 1
                turn.set_result(None)
                return
