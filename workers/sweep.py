"""The sweep: finds due work in PostgreSQL. It enqueues arq jobs, or has the work done here while Redis is silent (R14)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field

from app.core.logging import get_logger
from app.queue import Task
from app.services.audiences import resume_uploads
from app.services.periodic import collect_files, find_due, open_due_schedules, open_waiting
from app.services.platform import Platform, beat_job_id, is_lost
from workers.context import CONTEXT, Context, WorkerProcess
from workers.own_work import OwnWork
from workers.tasks.beat import beat

log = get_logger(__name__)

COLLECT_EVERY = 3600.0  # seconds
BEAT_SECONDS = 1.0  # between two heartbeats, at least
SHORTEST = 0.2  # seconds between two sweeps, however often the next one is asked for


@dataclass(slots=True)
class Sweep:
    """The sweep of one worker process."""

    platform: Platform
    process: WorkerProcess
    own: OwnWork
    stop: asyncio.Event
    next_collection: float = field(
        default_factory=lambda: time.monotonic() + COLLECT_EVERY * random.random()  # noqa: S311 - spreads the load
    )
    collecting: asyncio.Task[None] | None = None
    next_beat: float = 0.0

    async def run(self) -> None:
        """Sweep once per interval until the worker stops, then wait for the sweep's own tasks."""
        while not self.stop.is_set():
            self.own.look.clear()
            try:
                await self._beat()
                await self.once()
                self._collect()
            except Exception as error:
                if not is_lost(error):
                    log.exception("sweep_crashed")
                else:
                    log.warning("sweep_failed", error=type(error).__name__, away="the database")
            await self._rest()
        if self.collecting is not None:
            self.collecting.cancel()
            await asyncio.gather(self.collecting, return_exceptions=True)
        await self.own.finish()

    async def _rest(self) -> None:
        """Wait until the worker stops, the next sweep is asked for, or the interval is over."""
        interval = self.platform.settings.sweep_interval.total_seconds()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), min(interval, SHORTEST))
        waits = [asyncio.create_task(one.wait()) for one in (self.stop, self.own.look)]
        await asyncio.wait(
            waits, timeout=max(0, interval - SHORTEST), return_when=asyncio.FIRST_COMPLETED
        )
        for wait in waits:
            wait.cancel()

    async def once(self) -> None:
        """Find due work, and enqueue it or do it."""
        try:
            async with self.platform.unit_of_work() as session:
                await open_due_schedules(session)
        except Exception:
            # A failure here must not keep the sweep from finding other due work.
            log.exception("schedules_failed")
        async with self.platform.unit_of_work() as session:
            await open_waiting(session)
        async with self.platform.unit_of_work() as session:
            await resume_uploads(session)
        async with self.platform.unit_of_work() as session:
            found = await find_due(session)
        silent = await self._redis_is_silent()
        for due in found:
            if silent:
                self.own.do(due.task, (due.space_id, due.subject_id), "sweep")
            else:
                await self.platform.queue.ring(
                    due.task, due.space_id, due.subject_id, job_id=due.job_id
                )

    async def _beat(self) -> None:
        """Ring for a heartbeat, which the queue loop of this process receives and writes.

        The sweep writes it while it does the work itself, or while the queue loop has no slot for a job.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self.next_beat:
            return
        self.next_beat = loop.time() + BEAT_SECONDS
        arq, name = self.process.queue_loop, self.process.name
        if self._does_the_work() or (arq is not None and arq.is_full):
            await beat({CONTEXT: Context(self.process, "sweep")}, name.id)
            return
        job_id = beat_job_id(name.id, int(time.time()))
        if await self.platform.queue.ring(Task.BEAT, name.id, job_id=job_id):
            self.process.beats.rung()

    async def _redis_is_silent(self) -> bool:
        """Ask Redis, and return whether the sweep does the work."""
        await self.platform.queue.ping()
        return self._does_the_work()

    def _does_the_work(self) -> bool:
        """Return whether Redis has not responded for some time, or refuses commands."""
        queue = self.platform.queue
        return queue.refusal is not None or (
            queue.silent_for() >= self.platform.settings.redis_silence
        )

    def _collect(self) -> None:
        """Start to collect unused files about once an hour.

        The interval is random, so that processes rarely collect at the same time; doing the work twice does no harm.
        The collection runs as a separate task, because listing a large store takes long and due work must not wait.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self.next_collection or self.collecting is not None:
            return
        self.next_collection = loop.time() + COLLECT_EVERY * random.uniform(0.5, 1.5)  # noqa: S311 - spreads the load
        self.collecting = asyncio.create_task(self._carry_out_collection())

    async def _carry_out_collection(self) -> None:
        try:
            await collect_files(self.platform)
        except Exception:
            log.exception("collection_failed")
        finally:
            self.collecting = None


async def sweep(
    platform: Platform, process: WorkerProcess, own: OwnWork, stop: asyncio.Event
) -> None:
    """Sweep until ``stop`` is set."""
    await Sweep(platform, process, own, stop).run()
