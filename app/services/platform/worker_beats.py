"""Heartbeats of workers, and what the API says about them: how many are live, and for how long work has been due."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.ids import new_id
from app.core.logging import get_logger
from app.core.version import VERSION
from app.services.platform.platform import Platform
from app.storage.repositories.due import DueQueries
from app.storage.repositories.workers import WorkerRepository

log = get_logger(__name__)

LEAST_LIFE = timedelta(seconds=6)
SWEEPS = 6  # without a heartbeat, until a worker no longer counts as live
SWEEPS_OF_SILENCE = 3  # after Redis counts as silent, until the sweep has written the heartbeat
LOOK_EVERY = timedelta(seconds=10)
KEPT = timedelta(days=7)  # the row of a worker that ended without saying so
_PATIENCE_SECONDS = 2
_AWAY = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


@dataclass(frozen=True, slots=True)
class WorkerName:
    """The identity of a worker process, and how long each of its heartbeats counts."""

    id: str
    life: timedelta


def name_worker(settings: Settings) -> WorkerName:
    """Return a new identity for this process."""
    sweep = settings.sweep_interval
    silence = settings.redis_silence + SWEEPS_OF_SILENCE * sweep
    return WorkerName(new_id("wrk"), max(SWEEPS * sweep, silence, LEAST_LIFE))


async def write_beat(platform: Platform, worker: WorkerName, lane: str) -> None:
    """Write a heartbeat. ``lane`` is ``arq`` if the queue loop received it, else ``sweep``."""
    async with platform.unit_of_work() as session:
        await WorkerRepository(session).beat(
            worker.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=VERSION,
            lane=lane,
            life=worker.life,
        )


async def end_beats(platform: Platform, worker: WorkerName) -> None:
    """Remove the row of a worker that ends: it does not count as live any more."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), platform.unit_of_work() as session:
            await WorkerRepository(session).leave(worker.id)
    except _AWAY as error:
        log.info("worker_not_removed", error=type(error).__name__)  # it expires


async def forget_silent_workers(session: AsyncSession) -> int:
    """Remove the rows of workers that were silent for a week. Returns their number."""
    return await WorkerRepository(session).forget_silent(KEPT)


@dataclass(frozen=True, slots=True)
class Workers:
    """How many workers are live, and since how many seconds the oldest due work waits (0: nothing is due)."""

    live: int
    oldest_due: float


async def look_at_workers(platform: Platform) -> Workers | None:
    """Read the state of the workers. Returns None if the database does not respond."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), platform.unit_of_work() as session:
            return Workers(
                await WorkerRepository(session).live(), await DueQueries(session).oldest_due()
            )
    except _AWAY:
        return None


@dataclass(slots=True)
class WorkerWatch:
    """Logs once when no worker is live, and once when one is live again."""

    platform: Platform
    missing: bool = False

    async def run(self) -> None:
        """Look again and again until the task is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY.total_seconds())
            found = await look_at_workers(self.platform)
            if found is not None:
                self.note(found)

    def note(self, found: Workers) -> None:
        """Log a change."""
        if found.live == 0 and not self.missing:
            log.error(
                "no_worker_is_live",
                oldest_due_seconds=round(found.oldest_due),
                action="start `activations worker`, or look at its log; until then nothing is computed or sent",
            )
        elif found.live > 0 and self.missing:
            log.info("workers_are_live_again", workers=found.live)
        self.missing = found.live == 0
