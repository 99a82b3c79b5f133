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


async def count_workers(platform: Platform) -> int | None:
    """Return how many workers are live, or None if the database does not respond."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), platform.unit_of_work() as session:
            return await WorkerRepository(session).live()
    except _AWAY:
        return None


async def oldest_due(platform: Platform) -> float | None:
    """Return for how many seconds the oldest due work has waited, 0 if nothing is due.

    Returns None if the database does not respond in time.
    """
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), platform.unit_of_work() as session:
            return await DueQueries(session).oldest_due()
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
            live = await count_workers(self.platform)
            if live is not None:
                await self.note(live)

    async def note(self, live: int) -> None:
        """Log a change of the number of live workers from or to 0."""
        was_missing, self.missing = self.missing, live == 0
        if self.missing and not was_missing:
            log.error(
                "no_worker_is_live",
                oldest_due_seconds=await oldest_due(self.platform),
                action="start `activations worker`, or look at its log; until then nothing is computed or sent",
            )
        elif was_missing and not self.missing:
            log.info("workers_are_live_again", workers=live)
