"""The worker: supervised arq and the sweep, in one asyncio event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from arq.worker import func
from redis.exceptions import RedisError

from app.core.config import Settings
from app.core.logging import get_logger
from app.queue import QUEUE_NAME, deserialize, redis_settings, serialize
from app.services.platform import Platform, end_beats, open_platform
from workers.context import CONTEXT, Context, WorkerProcess
from workers.health import WorkerHealth, serving_health
from workers.listener import Listener
from workers.own_work import OwnWork
from workers.queue_loop import CLOSE_SECONDS, QueueWorker, close, drain, until_deaf
from workers.sweep import sweep
from workers.tasks import TASKS

log = get_logger(__name__)

FIRST_WAIT = 0.2
LONGEST_WAIT = 5.0
POLL_SECONDS = 0.05  # not shorter, because each poll asks Redis about every running job
OTHER_JOBS = 6  # deliver, settle and notify, which have no JobSlots
JOB_TIMEOUT = timedelta(hours=6)  # long, because leases and deadlines limit recomputes
HEALTH_CHECK = timedelta(seconds=15)  # R28


class PartEnded(Exception):
    """A part of the worker ended although the worker was to go on: the process must be started again."""


async def run_worker(
    settings: Settings, *, stop: asyncio.Event, health: socket.socket | None = None
) -> None:
    """Run a worker until ``stop`` is set, then finish running jobs within ``job_completion_wait`` (R18).

    ``health`` is a listening socket on which the worker says whether it works (``workers/health.py``).

    Raises PartEnded if the queue's supervisor or the sweep ends before: a worker without one of them does no work.
    """
    platform = await open_platform(settings)
    try:
        await run_worker_on(platform, stop=stop, health=health)
    finally:
        await platform.close()


async def run_worker_on(
    platform: Platform, *, stop: asyncio.Event, health: socket.socket | None = None
) -> None:
    """Run a worker on an open platform, which stays open. See :func:`run_worker`, also for the errors."""
    process = WorkerProcess(platform, stop)
    own = OwnWork(process)
    platform.queue.nearby = own.follow
    parts = {
        "supervisor": asyncio.create_task(_supervise(platform, process, stop)),
        "sweep": asyncio.create_task(sweep(platform, process, own, stop)),
        "listener": asyncio.create_task(Listener(process, own).run()),
    }
    try:
        async with serving_health(WorkerHealth(process, parts), health):
            await _run_parts(parts, stop)
    finally:
        platform.queue.nearby = None
        await end_beats(platform, process.name)


async def _run_parts(parts: Mapping[str, asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Wait until ``stop`` is set or a part ends, then for all parts."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *parts.values()}, return_when=asyncio.FIRST_COMPLETED)
    ended = [] if stop.is_set() else [name for name, task in parts.items() if task.done()]
    log.info("worker_stopping", ended=ended)
    stop.set()
    results = await asyncio.gather(*parts.values(), return_exceptions=True)
    stopping.cancel()
    if ended:
        causes = [result for result in results if isinstance(result, BaseException)]
        raise PartEnded(f"The {' and the '.join(ended)} of the worker ended.") from next(
            iter(causes), None
        )


async def _supervise(platform: Platform, process: WorkerProcess, stop: asyncio.Event) -> None:
    """Run arq, and restart it when it ends, because it ends when Redis is unreachable (R15)."""
    url = platform.settings.redis_url
    if url is None:
        log.warning(
            "redis_unavailable",
            reason="REDIS_URL is not set; PostgreSQL announces due work, and the sweep finds what is not heard",
        )
        await stop.wait()
        return
    wait = FIRST_WAIT
    while not stop.is_set():
        if await _refuses(platform, stop):
            continue
        started = asyncio.get_running_loop().time()
        try:
            await _run_arq(platform, process, url.get_secret_value(), stop)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("arq_ended", error=type(error).__name__)
        except Exception:
            log.exception("arq_failed")
        if asyncio.get_running_loop().time() - started > LONGEST_WAIT * 2:
            wait = FIRST_WAIT
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
        wait = min(wait * 2, LONGEST_WAIT)


async def _refuses(platform: Platform, stop: asyncio.Event) -> bool:
    """Wait before the next try if Redis refuses commands: arq would end at once, and log it each time."""
    if platform.queue.refusal is None or await platform.queue.ping():
        return False
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), LONGEST_WAIT)
    return True


async def _run_arq(
    platform: Platform, process: WorkerProcess, url: str, stop: asyncio.Event
) -> None:
    context: dict[str, Any] = {CONTEXT: Context(process, "arq")}
    worker = QueueWorker(
        process,
        functions=[func(task, name=name.value, keep_result=0) for name, task in TASKS.items()],
        ctx=context,
        redis_settings=redis_settings(url),
        queue_name=QUEUE_NAME,
        handle_signals=False,
        max_jobs=OTHER_JOBS + process.limit,
        max_tries=1,  # attempts are counted in PostgreSQL (R13)
        keep_result=0,
        job_timeout=JOB_TIMEOUT,
        poll_delay=POLL_SECONDS,
        health_check_interval=HEALTH_CHECK,
        job_serializer=serialize,
        job_deserializer=deserialize,
        job_completion_wait=int(platform.settings.job_completion_wait.total_seconds()),
        allow_abort_jobs=False,
    )
    running = asyncio.create_task(worker.async_run())
    stopping = asyncio.create_task(stop.wait())
    deaf = asyncio.create_task(until_deaf(platform, process))
    process.queue_loop = worker
    try:
        await asyncio.wait({running, stopping, deaf}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await drain(worker, running, platform.settings.job_completion_wait)
    finally:
        process.queue_loop = None
        for task in (stopping, deaf, running):
            task.cancel()
        try:
            # A loop that does not end would hold up the stop for ever: what its jobs hold is leased.
            await asyncio.wait({running}, timeout=CLOSE_SECONDS)
            if running.done():
                with contextlib.suppress(asyncio.CancelledError, RedisError, OSError, TimeoutError):
                    running.result()
        finally:
            # Whatever ended the loop: its jobs must not go on beside those of the next one.
            await close(worker)
