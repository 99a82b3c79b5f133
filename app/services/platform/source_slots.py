"""Slots in which runs of a process read users' databases, shared fairly among workspaces, so that slow databases delay no others."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

REMEMBERED = 90.0  # seconds that a run without a slot counts as waiting; it asks again before that


@dataclass(slots=True)
class WaitingRun:
    """A run that got no slot: since when it waits, when it asked last, and whether it was called after that."""

    owner: str
    space_id: str
    run_id: str
    since: float
    asked: float
    called: bool = False


@dataclass(slots=True)
class SourceSlots:
    """``most`` slots, of which one owner, a workspace, never has all. No method waits.

    Previews and checks take little time; they use ``short``, a semaphore with the same number of slots.
    """

    most: int
    short: asyncio.Semaphore = field(init=False)
    _held: Counter[str] = field(default_factory=Counter)  # by owner
    _waiting: dict[str, WaitingRun] = field(default_factory=dict)  # by run

    def __post_init__(self) -> None:
        self.short = asyncio.Semaphore(self.most)

    @property
    def waiting(self) -> int:
        """The number of runs that got no slot lately."""
        return len(self._waiting)

    def take(self, owner: str, run_id: str, space_id: str = "") -> bool:
        """Take a slot for a run of a space. Returns False if none is free, or if owners with fewer slots are waiting."""
        now = time.monotonic()
        self._waiting = {
            key: run for key, run in self._waiting.items() if now - run.asked < REMEMBERED
        }
        before = self._waiting.pop(run_id, None)
        if not self._may(owner):
            since = before.since if before else now
            self._waiting[run_id] = WaitingRun(owner, space_id, run_id, since, now)
            return False
        self._held[owner] += 1
        return True

    def give_back(self, owner: str) -> None:
        """Release the slot of a run of an owner."""
        self._held[owner] -= 1

    def call_next(self) -> WaitingRun | None:
        """Call the run that has waited longest of an owner with the fewest slots. Returns None if no slot is free."""
        longest = min(
            (run for run in self._waiting.values() if not run.called),
            key=lambda run: (self._held[run.owner], run.since),
            default=None,
        )
        if longest is None or not self._may(longest.owner):
            return None
        longest.called = True
        return longest

    def forget(self, run_id: str) -> None:
        """Remove a run that does not wait any more."""
        self._waiting.pop(run_id, None)

    def _may(self, owner: str) -> bool:
        held = self._held[owner]
        fewer = {run.owner for run in self._waiting.values() if self._held[run.owner] < held}
        return held < max(1, self.most - 1) and self._held.total() + len(fewer) < self.most
