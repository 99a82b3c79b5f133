"""What the tasks of a worker process share, and what each is called with."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.queue import Task
from app.services.platform import Platform
from app.services.sending import SendingCache

MAX_HEAVY = 12  # of the jobs that arq runs at once
MAX_UNHEARD = 1000


@dataclass(slots=True)
class Program:
    """One worker process: its platform, whether it is to stop, and the syncs that it has in hand."""

    platform: Platform
    stop: asyncio.Event
    cache: SendingCache = field(init=False)
    pumping: bool = False
    next_pass: float = 0.0  # not before then is a bell passed on to other workers
    heavy: int = 0
    # Bells of heavy work that found no room, by what they were for; the sweep rings again for what is left out.
    unheard: OrderedDict[tuple[Task, str], Callable[[], Awaitable[None]]] = field(
        default_factory=OrderedDict
    )

    def __post_init__(self) -> None:
        self.cache = SendingCache(self.platform)

    async def work_heavily(
        self, task: Task, subject_id: str, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Recomputes and plans wait for the engine; so many at once that sends and settling still find a slot."""
        if self.heavy >= MAX_HEAVY:
            if len(self.unheard) < MAX_UNHEARD:
                self.unheard[task, subject_id] = work
            return
        self.heavy += 1
        try:
            await work()
            while self.unheard and not self.stop.is_set():
                _, following = self.unheard.popitem(last=False)
                await following()
        finally:
            self.heavy -= 1


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
