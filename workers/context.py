"""The state that the tasks of a worker process share, and the context of a task."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from app.core.logging import get_logger
from app.queue import Task
from app.services.delivery import LoadedSyncs
from app.services.platform import Platform, WorkerName, name_worker
from app.snapshots.engine import MEDIUM_ROWS
from workers.beats import Beats

log = get_logger(__name__)

# Concurrent jobs of each kind in a process. The limits keep one kind from using the slots of the others. Recomputes
# get further slots for runs that read users' databases, because such runs may take long. Large jobs have as many slots of
# their own: while they wait for each other, they do not take those of small jobs.
LIMITS = {Task.RECOMPUTE: 6, Task.PLAN: 4, Task.PREVIEW: 4}
MAX_WAITING = 1000  # jobs of each kind and workspace
Work = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class JobSlots:
    """The slots for jobs of one kind, of which one workspace never has all: its jobs may all be slow."""

    limit: int
    held: Counter[str] = field(default_factory=Counter)  # by workspace
    # Jobs that found no slot, by workspace and subject id. The sweep finds jobs again that are not kept here.
    waiting: OrderedDict[str, OrderedDict[str, Work]] = field(default_factory=OrderedDict)

    @property
    def taken(self) -> int:
        """The number of running jobs."""
        return self.held.total()

    def may(self, owner: str) -> bool:
        """Return whether a job of a workspace may start now."""
        return self.taken < self.limit and self.held[owner] < max(1, self.limit - 1)

    async def hold(self, owner: str, work: Work) -> None:
        """Run a job of a workspace in a slot."""
        self.held[owner] += 1
        try:
            await work()
        finally:
            self.held[owner] -= 1

    def keep(self, owner: str, subject_id: str, work: Work) -> None:
        """Keep a job until a slot is free."""
        queue = self.waiting.setdefault(owner, OrderedDict())
        if len(queue) < MAX_WAITING:
            queue[subject_id] = work

    def take_next(self) -> tuple[str, Work] | None:
        """Take the job that has waited longest in the workspace whose turn it is; the others come before its next."""
        owner = next(filter(self.may, self.waiting), None)
        if owner is None:
            return None
        queue = self.waiting.pop(owner)
        _, work = queue.popitem(last=False)
        if queue:
            self.waiting[owner] = queue  # at the end
        return owner, work


class QueueLoop(Protocol):
    """arq's worker, as the other parts of the process see it."""

    @property
    def is_full(self) -> bool:
        """Whether all slots for jobs are taken."""


@dataclass(slots=True)
class WorkerProcess:
    """One worker process: its platform, its stop signal, its loaded syncs, its job slots and its heartbeat."""

    platform: Platform
    stop: asyncio.Event
    cache: LoadedSyncs = field(init=False)
    pumping: bool = False
    hears: bool = False  # what PostgreSQL announces
    rung: bool = False  # a delivery was asked for since the pump began
    next_pass: float = 0.0  # earliest time at which a wake-up is passed on to other workers
    slots: dict[Task, JobSlots] = field(init=False)
    large: dict[Task, JobSlots] = field(init=False)
    name: WorkerName = field(init=False)
    beats: Beats = field(default_factory=Beats)
    queue_loop: QueueLoop | None = None  # None while it does not run

    def __post_init__(self) -> None:
        self.cache = LoadedSyncs(self.platform)
        self.name = name_worker(self.platform.settings)
        more = {Task.RECOMPUTE: self.platform.settings.source_concurrency}
        self.slots = {task: JobSlots(limit) for task, limit in LIMITS.items()}
        self.large = {task: JobSlots(limit + more.get(task, 0)) for task, limit in LIMITS.items()}
        del self.large[Task.PREVIEW]  # their size is not known

    @property
    def limit(self) -> int:
        """The number of jobs that run in slots at once."""
        return sum(one.limit for kinds in (self.slots, self.large) for one in kinds.values())

    async def run_limited(
        self, task: Task, space_id: str, subject_id: str, work: Work, *, rows: int = 0
    ) -> None:
        """Run a job of a space in a slot of its kind and size, then the jobs that are waiting for such a slot.

        ``rows`` is how many it reads. If the workspace may have no slot now, keeps the job until one is free, and returns
        immediately. Raises what ``work`` raises, after the waiting jobs; their own errors are logged.
        """
        kinds = self.large if rows > MEDIUM_ROWS else self.slots
        slots, owner = kinds[task], await self.platform.owner_of(space_id)
        if not slots.may(owner):
            slots.keep(owner, subject_id, work)
            return
        try:
            await slots.hold(owner, work)
        except Exception:
            await self._run_waiting(task, slots)
            raise
        await self._run_waiting(task, slots)

    async def _run_waiting(self, task: Task, slots: JobSlots) -> None:
        """Run the jobs that wait for a slot, one after another. The sweep finds those again that fail."""
        while not self.stop.is_set() and (following := slots.take_next()) is not None:
            try:
                await slots.hold(*following)
            except Exception:
                log.exception("waiting_job_failed", task=str(task))


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a task. ``lane`` names the source of the wake-up: ``arq``, ``sweep``, ``notify``, or ``next`` here."""

    process: WorkerProcess
    lane: str

    @property
    def platform(self) -> Platform:
        """The platform of the worker process."""
        return self.process.platform


CONTEXT = "context"  # its key in the dictionary that arq passes to each task
