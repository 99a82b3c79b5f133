"""Without Redis, PostgreSQL announces due work: it does not wait for the sweep, and a lost listener comes back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from app.queue import Queue, Task
from app.services.platform import Platform
from app.storage import notifications
from app.storage.notifications import CHANNEL, NotHeard, announce, listening
from tests.flow import eventually, installation, worker
from workers import listener as module
from workers.context import WorkerProcess
from workers.health import WorkerHealth
from workers.listener import Listener
from workers.own_work import OwnWork


def without_redis(platform: Platform) -> Platform:
    """The platform of an API without Redis, whose worker sweeps once an hour."""

    async def tell(task: Task, ids: tuple[str, ...]) -> bool:
        return await announce(platform.hot, task, ids)

    queue = Queue(None, tell)
    update = {"redis_url": None, "sweep_interval": timedelta(hours=1)}
    alone = replace(platform, queue=queue, settings=platform.settings.model_copy(update=update))
    return replace(alone, unit_of_work=_with_queue(platform, queue))


def _with_queue(platform: Platform, queue: Queue) -> Any:
    from app.services.platform.wakeups import QUEUE
    from app.storage.session import unit_of_work_of

    return unit_of_work_of(platform.database.sessions, **{QUEUE: queue})


async def test_an_upload_is_delivered_long_before_the_next_sweep(platform: Platform) -> None:
    alone = without_redis(platform)
    async with installation(alone) as flow, worker(alone, apart=True):
        activation = await flow.activate()
        await asyncio.sleep(0.5)  # the worker has swept and listens
        for count in (3, 4):
            await flow.members(range(count))
            sync = await flow.quiet(activation)
            assert (sync.state, len(flow.received(activation))) == ("complete", count)


class Noted(OwnWork):
    """Work that is only noted."""

    def __init__(self, process: WorkerProcess) -> None:
        super().__init__(process)
        self.done: list[Any] = []

    def do(self, task: Task, ids: tuple[str, ...], lane: str) -> bool:
        self.done.append((task, ids, lane))
        return True


@contextlib.asynccontextmanager
async def listener(platform: Platform) -> AsyncIterator[tuple[WorkerProcess, OwnWork, list[Any]]]:
    """A listener with a process that only notes what it is to do."""
    process = WorkerProcess(platform, asyncio.Event())
    own = Noted(process)
    running = asyncio.create_task(Listener(process, own).run())
    try:
        yield process, own, own.done
    finally:
        process.stop.set()
        await asyncio.wait_for(running, 5)


async def test_a_lost_connection_is_opened_again_and_what_was_missed_is_looked_for(
    platform: Platform,
) -> None:
    async with listener(platform) as (process, own, done):
        await eventually(lambda: process.hears)
        assert WorkerHealth(process, {}).answer("/health/live")[1]["wakeUps"] == "notify"
        own.look.clear()
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1"
        assert await platform.hot.fetch(query, f'LISTEN "{CHANNEL}"') or await platform.hot.fetch(
            query, f"LISTEN {CHANNEL}"
        )
        await eventually(own.look.is_set)
        assert await announce(platform.hot, "plan", ("spa", "syn"))
        await eventually(lambda: bool(done))
        assert done == [(Task.PLAN, ("spa", "syn"), "notify")]


@pytest.mark.parametrize(
    "payload",
    ["", "no JSON", "{}", "[]", "[1]", '["plan"]', '["plan", "a", "b", "c"]', '["later", "a", "b"]',
     '["beat", "a", "b"]', '["probe", "x"]', '["plan", "a", null]'],
)  # fmt: skip
async def test_other_notifications_are_left_alone(platform: Platform, payload: str) -> None:
    async with listener(platform) as (process, _, done):
        await eventually(lambda: process.hears)
        await platform.hot.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
        await announce(platform.hot, "plan", ("spa", "last"))
        await eventually(lambda: bool(done))
        assert done == [(Task.PLAN, ("spa", "last"), "notify")]
        assert process.hears


async def test_a_pooler_that_drops_notifications_is_noticed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drop(*_: Any) -> None: ...

    monkeypatch.setattr(notifications, "PROBE_SECONDS", 0.05)
    monkeypatch.setattr(notifications, "_send", drop)
    with pytest.raises(NotHeard):
        async with listening(platform.database.address, platform.hot, lambda _: None):
            pass
    async with listener(platform) as (process, _, _):
        said: list[str] = []
        monkeypatch.setattr(module.log, "info", lambda *_, **words: said.append(words["reason"]))
        await eventually(lambda: bool(said))
        assert not process.hears
        assert WorkerHealth(process, {}).answer("/health/live")[1]["wakeUps"] == "sweep"


async def test_an_announcement_that_fails_harms_nothing(platform: Platform) -> None:
    pool = await asyncpg.create_pool("postgresql://nobody@127.0.0.1:1/none", min_size=0)
    assert not await announce(pool, "plan", ("spa", "syn"))
