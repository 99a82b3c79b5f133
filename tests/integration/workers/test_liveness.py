"""A worker that receives no work is noticed: its heartbeat ends, its health endpoint says so, and its queue loop is started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq import create_pool
from sqlalchemy import select

from app.core.config import Settings
from app.embedded.environment import child_environment, command_line
from app.queue import QUEUE_NAME, Queue, Task, redis_settings
from app.services.platform import Platform, WorkerName, count_workers
from app.storage.models import WorkerBeat
from tests.flow import eventually
from workers import queue_loop
from workers import settings as worker_settings
from workers.context import WorkerProcess
from workers.health import WorkerHealth, serving_health
from workers.own_work import OwnWork
from workers.queue_loop import QueueWorker
from workers.sweep import sweep

SHORT = timedelta(seconds=2)


@contextlib.asynccontextmanager
async def running(platform: Platform) -> AsyncIterator[tuple[WorkerProcess, WorkerHealth]]:
    """Run the parts of a worker whose heartbeats count for two seconds."""
    stop = asyncio.Event()
    process = WorkerProcess(platform, stop)
    process.name = WorkerName(process.name.id, SHORT)
    parts = {
        "supervisor": asyncio.create_task(worker_settings._supervise(platform, process, stop)),
        "sweep": asyncio.create_task(sweep(platform, process, OwnWork(process), stop)),
    }
    try:
        yield process, WorkerHealth(process, parts)
    finally:
        stop.set()
        await asyncio.gather(*parts.values(), return_exceptions=True)


async def lane_of(platform: Platform, process: WorkerProcess) -> str | None:
    async with platform.unit_of_work() as session:
        query = select(WorkerBeat.lane).where(WorkerBeat.id == process.name.id)
        return await session.scalar(query)


@pytest.mark.walk
async def test_a_queue_loop_whose_task_is_killed_starts_again(platform: Platform) -> None:
    async with running(platform) as (process, health):
        assert health.answer("/health/ready")[0] == 503
        await eventually(lambda: health.answer("/health/ready")[0] == 200)
        assert await lane_of(platform, process) == "arq"
        first = process.queue_loop
        assert isinstance(first, QueueWorker)
        assert first.main_task is not None
        first.main_task.cancel()
        await eventually(lambda: process.queue_loop not in (first, None))
        written = process.beats.written_at
        await eventually(lambda: process.beats.written_at != written)


@pytest.mark.walk
async def test_a_queue_loop_that_hears_nothing_is_started_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a firewall forgets its connection: the next command never gets a response."""
    loops: list[QueueWorker] = []
    start = QueueWorker.start_jobs

    async def deaf_at_first(self: QueueWorker, jobs: Sequence[bytes]) -> None:
        if self not in loops:
            loops.append(self)
        if self is loops[0]:
            await asyncio.Event().wait()
        await start(self, jobs)

    monkeypatch.setattr(QueueWorker, "start_jobs", deaf_at_first)
    async with running(platform) as (process, health):
        await eventually(lambda: bool(loops))
        assert health.answer("/health/ready")[0] == 503
        await eventually(lambda: health.answer("/health/ready")[0] == 200, 20)
        assert len(loops) == 2
        assert await lane_of(platform, process) == "arq"


async def test_a_queue_loop_that_is_only_slow_is_not_started_again(platform: Platform) -> None:
    """A new start would cut its jobs. Its heartbeats do not arrive here, but Redis responds."""
    async with running(platform) as (process, _):
        # Afterwards: a heartbeat that is on its way would still arrive.
        await eventually(lambda: process.beats.written_at is not None)
        await eventually(lambda: not process.beats.waiting)
        loop = process.queue_loop
        assert isinstance(loop, QueueWorker)
        loop._own = b"beat:of nobody"
        await eventually(lambda: process.beats.waiting, 20)
        process.beats.unheard = 3
        await eventually(lambda: process.beats.unheard < 3)
        assert process.beats.waiting
        assert process.queue_loop is loop


async def test_without_redis_the_sweep_writes_the_heartbeat(platform: Platform) -> None:
    alone = replace(
        platform,
        queue=Queue(None),
        settings=platform.settings.model_copy(update={"redis_url": None}),
    )
    async with running(alone) as (process, health):
        await eventually(lambda: health.answer("/health/ready")[0] == 200)
        assert await lane_of(platform, process) == "sweep"


async def test_a_full_worker_is_live(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QueueWorker, "is_full", property(lambda _: True))
    async with running(platform) as (process, health):
        await eventually(lambda: health.answer("/health/ready")[0] == 200)
        assert await lane_of(platform, process) == "sweep"


async def test_a_heartbeat_is_left_to_its_worker_unless_that_is_gone(
    platform: Platform, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = await create_pool(redis_settings(redis_url))
    async with running(platform) as (process, _):
        await platform.queue.ring(Task.BEAT, "wrk_other", job_id="beat:wrk_other:1")
        await eventually(lambda: process.beats.written_at is not None)
        assert b"beat:wrk_other:1" in await pool.zrange(QUEUE_NAME, 0, -1)
        monkeypatch.setattr(queue_loop, "ABANDONED_SECONDS", 0.1)

        async def is_taken() -> bool:
            return b"beat:wrk_other:1" not in await pool.zrange(QUEUE_NAME, 0, -1)

        await eventually(is_taken)
    await pool.aclose()


async def test_the_health_endpoint(platform: Platform) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        running(platform) as (process, health),
        httpx.AsyncClient(base_url=url) as client,
        serving_health(health, listener),
    ):
        await eventually(lambda: health.answer("/health/ready")[0] == 200)
        ready = await client.get("/health/ready?probe")
        assert ready.status_code == 200
        assert ready.json()["worker"] == process.name.id
        assert (await client.get("/other")).status_code == 404
        for nonsense in (b"\r\n\r\n", b"x" * 20_000, b"GET"):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(nonsense)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        process.beats.written_at = 0.0
        old = await client.get("/health/ready")
        assert old.status_code == 503
        assert old.json()["reasons"][0].startswith("the last heartbeat is ")
        assert (await client.get("/health/live")).status_code == 200
        health._parts["supervisor"].cancel()
        await eventually(lambda: bool(health.faults()))
        dead = await client.get("/health/live")
        assert (dead.status_code, dead.json()["reasons"]) == (503, ["the supervisor has ended"])


@pytest.mark.walk
async def test_a_frozen_worker_is_not_live(settings: Settings, platform: Platform) -> None:
    """A real process, stopped and continued; its end removes it at once."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given: dict[str, Any] = {"SWEEP_INTERVAL": "0.2", "REDIS_SILENCE": "1"}
    environment = child_environment(
        settings, **{f"ACTIVATIONS_{name}": value for name, value in given.items()}
    )
    command = command_line("worker", "--health-port", str(port))
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, cwd=Path.cwd(), stderr=asyncio.subprocess.DEVNULL
    )

    async def is_live() -> bool:
        return await count_workers(platform) == 1

    async def is_gone() -> bool:
        return await count_workers(platform) == 0

    try:
        await eventually(is_live, 30)
        async with httpx.AsyncClient() as client:
            ready = await client.get(f"http://127.0.0.1:{port}/health/ready")
        assert ready.status_code == 200, ready.text
        process.send_signal(signal.SIGSTOP)
        await eventually(is_gone, 8)
        process.send_signal(signal.SIGCONT)
        await eventually(is_live, 8)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
        assert await is_gone()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
