"""A worker works, or its process ends: no part of it may end unnoticed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from arq import create_pool
from arq.worker import Worker

from app.services.platform import Platform
from workers import settings as worker_settings
from workers.context import WorkerProcess


async def _waits_for_redis() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("error", [ConnectionError("cut"), ValueError("not a job")])
async def test_arq_starts_again_after_its_job_hung_in_redis(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The main loop of arq ends, for example because it loses Redis, while a job waits for it: closing arq cancels the job."""
    starts: list[Worker] = []
    hung: list[asyncio.Task[None]] = []
    third = asyncio.Event()

    async def lose_redis(arq: Worker) -> None:
        starts.append(arq)
        arq._pool = await create_pool(arq.redis_settings)
        hung.append(asyncio.create_task(_waits_for_redis()))
        arq.tasks["hung"] = hung[-1]
        await asyncio.sleep(0)
        if len(starts) == 3:
            third.set()
        raise error

    monkeypatch.setattr(Worker, "async_run", lose_redis)
    monkeypatch.setattr(worker_settings, "FIRST_WAIT", 0.01)
    stop = asyncio.Event()
    supervisor = asyncio.create_task(
        worker_settings._supervise(platform, WorkerProcess(platform, stop), stop)
    )
    await asyncio.wait_for(third.wait(), 10)
    assert not supervisor.done()
    assert all(job.cancelled() for job in hung[:2])
    stop.set()
    hung[-1].cancel()  # or the stop would wait for it
    await asyncio.wait_for(supervisor, 10)


async def test_a_loop_that_does_not_end_does_not_hold_up_the_stop(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    async def goes_on(arq: Worker) -> None:
        arq._pool = await create_pool(arq.redis_settings)
        begun.set()
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    monkeypatch.setattr(Worker, "async_run", goes_on)
    monkeypatch.setattr(worker_settings, "CLOSE_SECONDS", 0.1)
    stop = asyncio.Event()
    brief = platform.settings.model_copy(update={"job_completion_wait": timedelta(seconds=0.1)})
    given = dataclasses.replace(platform, settings=brief)
    supervisor = asyncio.create_task(
        worker_settings._supervise(given, WorkerProcess(given, stop), stop)
    )
    await asyncio.wait_for(begun.wait(), 10)
    stop.set()
    await asyncio.wait({supervisor}, timeout=10)
    ended = supervisor.done()
    released.set()
    await supervisor
    assert ended


@pytest.mark.parametrize("part", ["_supervise", "sweep"])
@pytest.mark.parametrize("end", [None, RuntimeError("broken"), asyncio.CancelledError()])
async def test_a_worker_whose_part_ends_stops_with_an_error(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, part: str, end: BaseException | None
) -> None:
    async def ends(*_: Any) -> None:
        if end is not None:
            raise end

    monkeypatch.setattr(worker_settings, part, ends)
    stop = asyncio.Event()
    with pytest.raises(worker_settings.PartEnded):
        await asyncio.wait_for(worker_settings.run_worker(platform.settings, stop=stop), 20)
