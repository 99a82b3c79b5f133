"""How many runs read users' databases at once in a process, and whose turn it is: slow ones must not stop the others."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

REMEMBERED = 90.0  # seconds that a run without room counts as waiting; it asks again before


@dataclass(slots=True)
class WaitingRun:
    """A run that found no room: since when, when it asked last, and whether it was called since then."""

    space_id: str
    run_id: str
    since: float
    asked: float
    called: bool = False


@dataclass(slots=True)
class SourceSlots:
    """At most so many runs read at a time, and no space has all of their places; nobody is kept waiting in here.

    Previews and checks take little time; they have as many places of their own, ``short``.
    """

    most: int
    short: asyncio.Semaphore = field(init=False)
    _held: Counter[str] = field(default_factory=Counter)  # by space
    _waiting: dict[str, WaitingRun] = field(default_factory=dict)  # by run

    def __post_init__(self) -> None:
        self.short = asyncio.Semaphore(self.most)

    @property
    def waiting(self) -> int:
        """How many runs found no room lately."""
        return len(self._waiting)

    def take(self, space_id: str, run_id: str) -> bool:
        """A place for a run; False where there is none, or it is the turn of a space that has fewer."""
        now = time.monotonic()
        self._waiting = {
            key: one for key, one in self._waiting.items() if now - one.asked < REMEMBERED
        }
        before = self._waiting.pop(run_id, None)
        if not self._may(space_id):
            since = before.since if before else now
            self._waiting[run_id] = WaitingRun(space_id, run_id, since, now)
            return False
        self._held[space_id] += 1
        return True

    def give_back(self, space_id: str) -> None:
        """A run of the space has read what it needs."""
        self._held[space_id] -= 1

    def call_next(self) -> WaitingRun | None:
        """Whose turn it is: of the spaces that have the fewest places, who has waited longest; None without room."""
        found = min(
            (one for one in self._waiting.values() if not one.called),
            key=lambda one: (self._held[one.space_id], one.since),
            default=None,
        )
        if found is None or not self._may(found.space_id):
            return None
        found.called = True
        return found

    def forget(self, run_id: str) -> None:
        """The run does not wait any more."""
        self._waiting.pop(run_id, None)

    def _may(self, space_id: str) -> bool:
        mine = self._held[space_id]
        fewer = {one.space_id for one in self._waiting.values() if self._held[one.space_id] < mine}
        return mine < max(1, self.most - 1) and self._held.total() + len(fewer) < self.most
