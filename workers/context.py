"""What the tasks of a worker process share, and what each is called with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from app.services.platform import Platform
from app.services.sending import SendingCache


@dataclass(slots=True)
class Program:
    """One worker process: its platform, whether it is to stop, and the syncs that it has in hand."""

    platform: Platform
    stop: asyncio.Event
    cache: SendingCache = field(init=False)
    pumping: bool = False

    def __post_init__(self) -> None:
        self.cache = SendingCache(self.platform)


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
