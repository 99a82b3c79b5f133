"""Work that a worker process begins without a job of arq: what the sweep finds, what is announced, and what follows here."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from app.core.logging import get_logger
from app.queue import Task
from workers.context import CONTEXT, LIMITS, Context, WorkerProcess
from workers.tasks import TASKS

log = get_logger(__name__)

MOST = 6  # concurrent tasks of a kind that has no JobSlots
#: What may follow in the process that caused it, one of a kind at a time: the others go to all workers.
FOLLOWS = frozenset({Task.RECOMPUTE, Task.PLAN, Task.SETTLE})


@dataclass(slots=True)
class OwnWork:
    """The tasks that a process has begun itself. ``look`` asks for a sweep: work was turned away, or may have been missed."""

    process: WorkerProcess
    look: asyncio.Event = field(default_factory=asyncio.Event)
    _working: dict[tuple[Task, str], asyncio.Task[None]] = field(default_factory=dict)
    _following: Counter[Task] = field(default_factory=Counter)
    _turned_away: set[Task] = field(default_factory=set)

    def do(self, task: Task, ids: tuple[str, ...], lane: str) -> bool:
        """Begin a task, unless this process works on it already or has no room. Tasks with JobSlots wait for a slot."""
        key = (task, ids[-1])
        self.process.rung |= task is Task.DELIVER  # a pump that ends now looks once more
        if self.process.stop.is_set():
            return False
        if key in self._working or (task not in LIMITS and self._count(task) >= MOST):
            self._turned_away.add(task)
            return False
        work = asyncio.create_task(self._carry_out(task, ids, lane))
        self._working[key] = work
        work.add_done_callback(lambda _: self._ended(key))
        return True

    def follow(self, task: Task, ids: tuple[str, ...]) -> bool:
        """Begin the next leg of work that this process has done, if no other of its kind follows here now."""
        if task not in FOLLOWS or self._following[task] or not self._has_room(task):
            return False
        if not self.do(task, ids, "next"):
            return False
        self._following[task] += 1
        self._working[(task, ids[-1])].add_done_callback(
            lambda _: self._following.subtract((task,))
        )
        return True

    def _count(self, task: Task) -> int:
        return sum(kind is task for kind, _ in self._working)

    def _has_room(self, task: Task) -> bool:
        """Whether a task would begin at once, whichever workspace it belongs to: one never has the last slot."""
        kinds = (self.process.slots, self.process.large)
        slots = [found for kind in kinds if (found := kind.get(task))]
        return all(one.taken < max(1, one.limit - 1) for one in slots)

    async def finish(self) -> None:
        """Wait for the tasks, as long as for arq's jobs (R18)."""
        if not self._working:
            return
        wait = self.process.platform.settings.job_completion_wait.total_seconds()
        _, left = await asyncio.wait(self._working.values(), timeout=wait)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _ended(self, key: tuple[Task, str]) -> None:
        self._working.pop(key, None)
        missed = key[0] is Task.DELIVER and self.process.rung and not self.process.pumping
        if key[0] in self._turned_away or missed:
            self._turned_away.discard(key[0])
            self.look.set()

    async def _carry_out(self, task: Task, ids: tuple[str, ...], lane: str) -> None:
        try:
            await TASKS[task]({CONTEXT: Context(self.process, lane)}, *ids)
        except Exception:
            log.exception("task_failed", task=str(task))
