"""The worker: arq under supervision, and the sweep beside it, in one asyncio program."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

from arq.worker import Worker, func
from redis.exceptions import RedisError

from app.core.config import Settings
from app.core.logging import get_logger
from app.queue import QUEUE_NAME, deserialize, redis_settings, serialize
from app.services.platform import Platform, open_platform
from workers.context import CONTEXT, Context, Program
from workers.sweep import sweep
from workers.tasks import TASKS

log = get_logger(__name__)

FIRST_WAIT = 0.2
LONGEST_WAIT = 5.0
POLL_SECONDS = 0.05  # each look asks Redis about every job under way, so it is not for nothing
OTHER_JOBS = 6  # to send, settle and notify, which have no room of their own
JOB_TIMEOUT = timedelta(
    hours=6
)  # a recompute may be long; its lease and its own deadline watch over it
HEALTH_CHECK = timedelta(seconds=15)  # R28


async def run_worker(settings: Settings, *, stop: asyncio.Event) -> None:
    """Work until ``stop`` is set; then finish what is in flight, within ``job_completion_wait`` (R18)."""
    platform = await open_platform(settings)
    program = Program(platform, stop)
    try:
        supervisor = asyncio.create_task(_supervise(platform, program, stop))
        sweeper = asyncio.create_task(sweep(platform, program, stop))
        await stop.wait()
        log.info("worker_stopping")
        await asyncio.gather(supervisor, sweeper, return_exceptions=True)
    finally:
        await platform.close()


async def _supervise(platform: Platform, program: Program, stop: asyncio.Event) -> None:
    """Run arq, and again whenever it ends: it gives up when Redis goes away (R15)."""
    url = platform.settings.redis_url
    if url is None:
        log.warning("no_redis", meaning="the sweep does all work; wake-ups take up to its interval")
        await stop.wait()
        return
    wait = FIRST_WAIT
    while not stop.is_set():
        started = asyncio.get_running_loop().time()
        try:
            await _run_arq(platform, program, url.get_secret_value(), stop)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("arq_ended", error=type(error).__name__)
        except Exception:
            log.exception("arq_broke")
        if asyncio.get_running_loop().time() - started > LONGEST_WAIT * 2:
            wait = FIRST_WAIT
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
        wait = min(wait * 2, LONGEST_WAIT)


async def _run_arq(platform: Platform, program: Program, url: str, stop: asyncio.Event) -> None:
    context: dict[str, Any] = {CONTEXT: Context(program, "arq")}
    worker = Worker(
        functions=[func(task, name=name.value, keep_result=0) for name, task in TASKS.items()],
        ctx=context,
        redis_settings=redis_settings(url),
        queue_name=QUEUE_NAME,
        handle_signals=False,
        max_jobs=OTHER_JOBS + sum(room.most for room in program.rooms.values()),
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
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await _drain(worker, running, platform.settings.job_completion_wait)
    finally:
        stopping.cancel()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, RedisError, OSError, TimeoutError):
            await running
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await worker.close()


async def _drain(worker: Worker, running: asyncio.Task[None], wait: timedelta) -> None:
    """Take no more jobs, let those under way come to their end, and let arq's loop end by itself.

    A worker in burst mode that has had its jobs returns between two looks at Redis; a cancelled one may leave a
    connection in the middle of an answer.
    """
    worker.allow_pick_jobs = False
    worker.burst, worker.max_burst_jobs = True, 0
    await asyncio.wait({running}, timeout=wait.total_seconds())
