"""arq's worker as this service needs it: its own heartbeats, an end that does not hang, and a drain."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from arq.worker import Worker
from redis.exceptions import RedisError

from app.core.logging import get_logger
from app.queue import Task
from app.services.platform import Platform
from workers.context import WorkerProcess

log = get_logger(__name__)

CLOSE_SECONDS = 5.0
ABANDONED_SECONDS = 60.0  # then a heartbeat that its worker has not taken is taken by any


class QueueWorker(Worker):
    """An arq worker that takes its own heartbeats first, and leaves those of other workers in the queue."""

    def __init__(self, process: WorkerProcess, **named: Any) -> None:
        super().__init__(**named)
        self._beats = process.beats
        self._own = f"{Task.BEAT}:{process.name.id}:".encode()
        self._seen: dict[bytes, float] = {}  # heartbeats of others, and when they were seen first

    @property
    def is_full(self) -> bool:
        """Whether all slots for jobs are taken, so that no job is received until one ends."""
        return self.sem.locked()

    async def start_jobs(self, job_ids: Sequence[bytes]) -> None:
        """Start jobs, except for heartbeats that their own worker will take."""
        now = self.loop.time()
        beats = f"{Task.BEAT}:".encode()
        others = {job for job in job_ids if job.startswith(beats) and not job.startswith(self._own)}
        self._seen = {job: self._seen.get(job, now) for job in others}
        left = {job for job, since in self._seen.items() if now - since < ABANDONED_SECONDS}
        taken = [job for job in job_ids if job not in left]
        self._beats.progressed()
        for job in sorted(taken, key=lambda job: not job.startswith(self._own)):
            await super().start_jobs([job])
            self._beats.progressed()


async def until_deaf(platform: Platform, process: WorkerProcess) -> None:
    """Return when the queue loop has received nothing for too long, neither a response nor its own heartbeats.

    Example: a firewall forgot the loop's connection, so that its next command never gets a response. A loop that is only
    slow, because the machine is busy, gets responses: to start it again would cut the jobs that it runs.
    """
    while process.beats.pass_second() < process.name.life.total_seconds():
        await asyncio.sleep(1)
        if not platform.queue.is_usable:
            process.beats.heard()
    log.error("queue_loop_deaf", seconds=process.beats.unheard, action="it is started again")
    process.beats.heard()


async def close(worker: Worker) -> None:
    """End arq's jobs and close its worker, within seconds.

    ``Worker.close`` waits for the jobs with ``asyncio.gather``, which raises the CancelledError of a job that waited for
    Redis: it would look like a cancellation of the caller. So the jobs are ended before.
    """
    jobs = list(worker.tasks.values())
    for job in jobs:
        job.cancel()
    if jobs:
        await asyncio.wait(jobs, timeout=CLOSE_SECONDS)
    worker.tasks.clear()
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await worker.close()


async def drain(worker: Worker, running: asyncio.Task[None], wait: timedelta) -> None:
    """Accept no more jobs, wait for the running ones, and let arq's loop return.

    In burst mode, arq's loop returns between two polls of Redis when its jobs are done. Cancelling the loop could
    leave a connection in the middle of a response. Without Redis, arq's loop ends at once, or when the first job has ended:
    the others have their time all the same.
    """
    worker.allow_pick_jobs = False
    worker.burst, worker.max_burst_jobs = True, 0
    end = asyncio.get_running_loop().time() + wait.total_seconds()
    await asyncio.wait({running}, timeout=wait.total_seconds())
    if jobs := [job for job in worker.tasks.values() if not job.done()]:
        await asyncio.wait(jobs, timeout=max(0.0, end - asyncio.get_running_loop().time()))
