"""What the worker and the queue need of arq although it is not documented; a new release may change it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from arq import create_pool
from arq.worker import Worker, func
from redis.exceptions import ConnectionError as RedisConnectionError

from app.queue import QUEUE_NAME, Queue, Task, deserialize, redis_settings, serialize
from workers.queue_loop import close, drain

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _answer_pings_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while command := await reader.read(1000):
        if b"PING" in command:
            writer.write(b"+PONG\r\n")
        elif b"CLIENT" in command:
            writer.write(b"+OK\r\n" * command.count(b"CLIENT"))


class TestDrain:
    async def test_lets_the_running_job_finish_and_takes_no_other(self, redis_url: str) -> None:
        started, release = asyncio.Event(), asyncio.Event()
        done: list[str] = []

        async def work(context: dict[str, Any], name: str) -> None:
            started.set()
            await release.wait()
            done.append(name)

        pool = await create_pool(redis_settings(redis_url), job_serializer=serialize)
        worker = Worker(
            functions=[func(cast("Any", work), name="work", keep_result=0)],
            redis_settings=redis_settings(redis_url),
            queue_name=QUEUE_NAME,
            handle_signals=False,
            poll_delay=0.05,
            job_serializer=serialize,
            job_deserializer=deserialize,
        )
        await pool.enqueue_job("work", "first", _job_id="first", _queue_name=QUEUE_NAME)
        running = asyncio.create_task(worker.async_run())
        await asyncio.wait_for(started.wait(), 10)
        draining = asyncio.create_task(drain(worker, running, timedelta(seconds=10)))
        await pool.enqueue_job("work", "second", _job_id="second", _queue_name=QUEUE_NAME)
        await asyncio.sleep(0.3)
        release.set()
        await asyncio.wait_for(draining, 5)
        assert running.done()
        assert not running.cancelled()
        assert running.exception() is None
        assert done == ["first"]
        assert await pool.zrange(QUEUE_NAME, 0, -1) == [b"second"]
        await worker.close()
        await pool.aclose()

    async def test_without_redis_the_other_jobs_have_their_time(
        self, redis_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They record their calls in PostgreSQL. A call that is cut is unknown, and may be repeated."""
        started = {"first": asyncio.Event(), "second": asyncio.Event()}
        release = {"first": asyncio.Event(), "second": asyncio.Event()}
        done: list[str] = []

        async def work(context: dict[str, Any], name: str) -> None:
            started[name].set()
            await release[name].wait()
            done.append(name)

        async def lost(*_: Any) -> None:
            raise RedisConnectionError("Redis was stopped, too")

        pool = await create_pool(redis_settings(redis_url), job_serializer=serialize)
        worker = Worker(
            functions=[func(cast("Any", work), name="work", keep_result=0)],
            redis_settings=redis_settings(redis_url),
            queue_name=QUEUE_NAME,
            handle_signals=False,
            poll_delay=0.05,
            job_serializer=serialize,
            job_deserializer=deserialize,
        )
        for name in started:
            await pool.enqueue_job("work", name, _job_id=name, _queue_name=QUEUE_NAME)
        running = asyncio.create_task(worker.async_run())
        for event in started.values():
            await asyncio.wait_for(event.wait(), 10)
        monkeypatch.setattr(worker, "finish_job", lost)
        draining = asyncio.create_task(drain(worker, running, timedelta(seconds=10)))
        await asyncio.sleep(0.2)
        release["first"].set()
        await asyncio.sleep(0.2)
        assert isinstance(running.exception(), RedisConnectionError)
        assert not draining.done()
        release["second"].set()
        await asyncio.wait_for(draining, 5)
        assert done == ["first", "second"]
        await close(worker)
        await pool.delete(QUEUE_NAME)
        await pool.aclose()


async def _answer_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


@contextlib.asynccontextmanager
async def serving(handler: Handler, path: Path) -> AsyncIterator[str]:
    """Serve a socket while the block runs; yields its URL. Every connection is closed at the end."""
    connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await handler(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_unix_server(handle, path)
    try:
        yield f"unix://{path}"
    finally:
        server.close()
        if connections:
            await asyncio.wait(connections, timeout=5)


class TestQueue:
    @pytest.mark.walk
    async def test_a_redis_that_stops_answering_costs_a_second(self, tmp_path: Path) -> None:
        async with serving(_answer_pings_only, tmp_path / "silent.sock") as url:
            queue = Queue(url)
            began = time.monotonic()
            assert not await queue.ring(Task.PLAN, "id", job_id="plan:id")
            assert time.monotonic() - began < 3
            await queue.close()

    @pytest.mark.walk
    async def test_a_redis_that_never_answers_costs_a_second(self, tmp_path: Path) -> None:
        async with serving(_answer_nothing, tmp_path / "silent.sock") as url:
            queue = Queue(url)
            began = time.monotonic()
            assert not await queue.ping()
            assert time.monotonic() - began < 3
            await queue.close()
