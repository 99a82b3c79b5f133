"""What the tasks of a worker process share, and what each is called with."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.queue import Task
from app.services.delivery import LoadedSyncs
from app.services.platform import Platform

# How many jobs of a kind go on at once in a process, so that none takes the slots of the others. Runs that read users'
# databases come on top of the recomputes: those may take long.
MOST = {Task.RECOMPUTE: 6, Task.PLAN: 4, Task.PREVIEW: 4}
MAX_UNHEARD = 1000  # of each kind


@dataclass(slots=True)
class Room:
    """For jobs of one kind."""

    most: int
    taken: int = 0
    # Bells that found it full, by what they were for; the sweep rings again for what is left out.
    unheard: OrderedDict[str, Callable[[], Awaitable[None]]] = field(default_factory=OrderedDict)


@dataclass(slots=True)
class Program:
    """One worker process: its platform, whether it is to stop, and the syncs that it has in hand."""

    platform: Platform
    stop: asyncio.Event
    cache: LoadedSyncs = field(init=False)
    pumping: bool = False
    next_pass: float = 0.0  # not before then is a bell passed on to other workers
    rooms: dict[Task, Room] = field(init=False)

    def __post_init__(self) -> None:
        self.cache = LoadedSyncs(self.platform)
        more = {Task.RECOMPUTE: self.platform.settings.source_concurrency}
        self.rooms = {task: Room(most + more.get(task, 0)) for task, most in MOST.items()}

    async def work_heavily(
        self, task: Task, subject_id: str, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Work within the room of its kind, and then what has come in meanwhile; nothing now where it is full."""
        room = self.rooms[task]
        if room.taken >= room.most:
            if len(room.unheard) < MAX_UNHEARD:
                room.unheard[subject_id] = work
            return
        room.taken += 1
        try:
            await work()
            while room.unheard and not self.stop.is_set():
                _, following = room.unheard.popitem(last=False)
                await following()
        finally:
            room.taken -= 1


@dataclass(frozen=True, slots=True)
class Context:
    """What a task is called with; ``lane`` says who rang: ``arq`` or ``sweep``."""

    program: Program
    lane: str

    @property
    def platform(self) -> Platform:
        """The process's platform."""
        return self.program.platform


CONTEXT = "context"  # the key under which arq's own dictionary carries it
