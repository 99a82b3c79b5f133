"""The state that the tasks of a worker process share, and the context of a task."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.queue import Task
from app.services.delivery import LoadedSyncs
from app.services.platform import Platform

# Concurrent jobs of each kind in a process. The limits keep one kind from using the slots of the others. Recomputes
# get further slots for runs that read users' databases, because such runs may take long.
LIMITS = {Task.RECOMPUTE: 6, Task.PLAN: 4, Task.PREVIEW: 4}
MAX_WAITING = 1000  # jobs of each kind


@dataclass(slots=True)
class JobSlots:
    """The slots for jobs of one kind."""

    limit: int
    taken: int = 0
    # Jobs that found no free slot, by subject id. The sweep finds jobs again that are not kept here.
    waiting: OrderedDict[str, Callable[[], Awaitable[None]]] = field(default_factory=OrderedDict)


@dataclass(slots=True)
class WorkerProcess:
    """One worker process: its platform, its stop signal, its loaded syncs and its job slots."""

    platform: Platform
    stop: asyncio.Event
    cache: LoadedSyncs = field(init=False)
    pumping: bool = False
    next_pass: float = 0.0  # earliest time at which a wake-up is passed on to other workers
    slots: dict[Task, JobSlots] = field(init=False)

    def __post_init__(self) -> None:
        self.cache = LoadedSyncs(self.platform)
        more = {Task.RECOMPUTE: self.platform.settings.source_concurrency}
        self.slots = {task: JobSlots(limit + more.get(task, 0)) for task, limit in LIMITS.items()}

    async def run_limited(
        self, task: Task, subject_id: str, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Run a job in a slot of its kind, then the jobs that are waiting for a slot.

        If no slot is free, keeps the job for a worker that frees one, and returns immediately.
        """
        slots = self.slots[task]
        if slots.taken >= slots.limit:
            if len(slots.waiting) < MAX_WAITING:
                slots.waiting[subject_id] = work
            return
        slots.taken += 1
        try:
            await work()
            while slots.waiting and not self.stop.is_set():
                _, following = slots.waiting.popitem(last=False)
                await following()
        finally:
            slots.taken -= 1


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a task. ``lane`` names the source of the wake-up: ``arq`` or ``sweep``."""

    process: WorkerProcess
    lane: str

    @property
    def platform(self) -> Platform:
        """The platform of the worker process."""
        return self.process.platform


CONTEXT = "context"  # its key in the dictionary that arq passes to each task
