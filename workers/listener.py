"""The listener: begins work that PostgreSQL announces, which happens while Redis takes no jobs, or if there is none (R14)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import asyncpg

from app.core.logging import get_logger
from app.queue import Task
from app.services.platform import is_lost
from app.storage.notifications import NotHeard, listening, until_lost
from workers.context import WorkerProcess
from workers.own_work import OwnWork

log = get_logger(__name__)

FIRST_WAIT = 0.2
LONGEST_WAIT = 5.0
UNHEARD_WAIT = 60.0  # until the next try behind something that drops notifications
_POOLED = "DATABASE_URL goes through a pooler by transaction, which has no LISTEN"
_ADVICE = "set REDIS_URL, or give the workers a URL of PostgreSQL itself; until then the sweep finds the work"


class Listener:
    """Listens on one connection of its own, and opens it again when it ends."""

    def __init__(self, process: WorkerProcess, own: OwnWork) -> None:
        self._process = process
        self._platform, self._stop = process.platform, process.stop
        self._own = own
        self._wait = FIRST_WAIT
        self._said: str | None = None  # the reason that the log gave last

    async def run(self) -> None:
        """Listen until the worker stops."""
        if self._platform.database.address.pooled:
            self._say(_POOLED)
            await self._stop.wait()
        while not self._stop.is_set():
            await self._until_ended()
            if not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), self._wait)

    async def _until_ended(self) -> None:
        """Listen until the connection ends or the worker stops; ``_wait`` becomes the time until the next try."""
        try:
            await self._listen()
        except NotHeard as error:
            self._say(str(error))
            self._wait = UNHEARD_WAIT
        except (
            OSError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ) as error:
            if not is_lost(error):
                self._say(f"{type(error).__name__}: {error}")
            self._wait = min(max(self._wait, FIRST_WAIT) * 2, LONGEST_WAIT)
        finally:
            self._process.hears = False

    async def _listen(self) -> None:
        stopping = asyncio.create_task(self._stop.wait())
        try:
            async with listening(
                self._platform.database.address, self._platform.hot, self._hear
            ) as connection:
                self._process.hears, self._wait, self._said = True, FIRST_WAIT, None
                self._own.look.set()  # what was announced before was not heard
                ending = asyncio.create_task(until_lost(connection))
                await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
                if ending.done():
                    ending.result()
                ending.cancel()
        finally:
            stopping.cancel()

    def _hear(self, words: Sequence[str]) -> None:
        """Begin the announced work. What another version announces and this one does not know is left to it."""
        task, *ids = words
        if task in list(Task) and task != Task.BEAT and len(ids) == 2:
            self._own.do(Task(task), (ids[0], ids[1]), "notify")

    def _say(self, reason: str) -> None:
        """Log once why nothing is heard, if that matters: with Redis, nothing is announced."""
        if reason != self._said:
            self._said = reason
            level = log.info if self._platform.settings.redis_url else log.warning
            level("notify_unavailable", reason=reason, action=_ADVICE)
