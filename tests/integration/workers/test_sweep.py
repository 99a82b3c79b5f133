"""The sweep: the collector runs concurrently and ends with it; one kind of job leaves slots for the others."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from app.core.ids import new_id
from app.domain.run_states import RunKind
from app.queue import Task
from app.services.platform.platform import Platform
from app.snapshots.engine import MEDIUM_ROWS
from app.storage.models import Run
from app.storage.repositories.work_sizes import rows_of_run, rows_of_sync
from tests.flow import eventually, installation, worker
from workers import own_work
from workers.context import CONTEXT, LIMITS, WorkerProcess
from workers.own_work import OwnWork
from workers.sweep import Sweep
from workers.tasks import TASKS


@pytest.mark.walk
async def test_the_collector_works_beside_the_sweep(platform: Platform) -> None:
    settings = platform.settings.model_copy(update={"orphan_age": timedelta(0)})
    path = platform.engine.scratch_file(".txt")
    path.write_text("nobody names it")
    await platform.objects.put(path, new_id("f"))
    young = dataclasses.replace(platform, settings=settings)
    stop = asyncio.Event()
    process = WorkerProcess(young, stop)
    sweep = Sweep(young, process, OwnWork(process), stop, next_collection=time.monotonic())
    running = asyncio.create_task(sweep.run())
    await eventually(lambda: _is_empty(platform), 20)
    stop.set()
    await asyncio.wait_for(running, 10)
    assert sweep.collecting is None


async def _is_empty(platform: Platform) -> bool:
    return not [key async for key, _, _ in platform.objects.list()]


async def test_jobs_of_one_kind_take_no_slots_of_another(platform: Platform) -> None:
    process = WorkerProcess(platform, asyncio.Event())
    gate, done = asyncio.Event(), []

    async def slow() -> None:
        await gate.wait()

    async def quick() -> None:
        done.append("quick")

    slots = process.slots[Task.RECOMPUTE]
    full = [
        asyncio.create_task(
            process.run_limited(Task.RECOMPUTE, f"spa{number}", f"run{number}", slow)
        )
        for number in range(slots.limit)
    ]
    await eventually(lambda: slots.taken == slots.limit)
    await process.run_limited(Task.RECOMPUTE, "spa", "later", quick)
    assert done == [], "no slot was free"
    await asyncio.wait_for(process.run_limited(Task.PLAN, "spa", "sync", quick), 1)
    await asyncio.wait_for(process.run_limited(Task.PREVIEW, "spa", "preview", quick), 1)
    assert done == ["quick"] * 2
    gate.set()
    await asyncio.gather(*full)
    assert done == ["quick"] * 3
    assert slots.taken == 0


async def test_large_jobs_take_no_slots_of_small_ones(platform: Platform) -> None:
    process, gate, done = WorkerProcess(platform, asyncio.Event()), asyncio.Event(), []

    async def quick() -> None:
        done.append("quick")

    large = [
        asyncio.create_task(
            process.run_limited(Task.PLAN, "spa", f"s{n}", slow_until(gate), rows=MEDIUM_ROWS + 1)
        )
        for n in range(9)
    ]
    await eventually(lambda: process.large[Task.PLAN].taken == LIMITS[Task.PLAN] - 1)
    await asyncio.wait_for(process.run_limited(Task.PLAN, "spa", "s", quick, rows=MEDIUM_ROWS), 1)
    assert done == ["quick"]
    gate.set()
    await asyncio.gather(*large)


def slow_until(gate: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        await gate.wait()

    return wait


@pytest.mark.walk
async def test_the_size_of_work_is_known_before_it_is_claimed(platform: Platform) -> None:
    async with installation(platform) as flow, worker(platform):
        activation = await flow.activate()
        first = await flow.members(range(7))
        sync = await flow.quiet(activation)
        assert await rows_of_run(platform.hot, flow.space_id, first.id) == 7
        assert await rows_of_sync(platform.hot, flow.space_id, sync.id) == 14
        assert await rows_of_run(platform.hot, flow.space_id, "run_none") == 0
        assert await rows_of_sync(platform.hot, flow.space_id, "syn_none") == 0
        async with platform.unit_of_work() as session:
            run = await session.get(Run, (flow.space_id, first.id))
            assert run is not None
            run.input = {**(run.input or {}), "stats": {"rows": 3}}
        assert await rows_of_run(platform.hot, flow.space_id, first.id) == 10
        async with platform.unit_of_work() as session:
            run = await session.get(Run, (flow.space_id, first.id))
            assert run is not None
            run.kind = RunKind.DEFINITION
        assert await rows_of_run(platform.hot, flow.space_id, first.id) > MEDIUM_ROWS


async def test_slow_jobs_of_one_workspace_leave_a_slot_to_others_and_take_turns(
    platform: Platform,
) -> None:
    process = WorkerProcess(platform, asyncio.Event())
    gate, order = asyncio.Event(), []

    def job(name: str) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            order.append(name)
            if name == "slow":
                await gate.wait()

        return work

    slots = process.slots[Task.RECOMPUTE]
    many = [
        asyncio.create_task(process.run_limited(Task.RECOMPUTE, "many", f"m{number}", job("slow")))
        for number in range(30)
    ]
    await eventually(lambda: order.count("slow") == slots.limit - 1)
    await process.run_limited(Task.RECOMPUTE, "other", "o", job("other"))
    assert order[-1] == "other", "a slot was left"
    slots.keep("third", "t", job("third"))
    gate.set()
    await asyncio.gather(*many)
    assert order.count("slow") == 30
    assert order.index("third") < slots.limit + 3, "its turn comes before the 21 that waited longer"
    assert slots.taken == 0


async def test_without_redis_slow_runs_do_not_block_syncs(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, gate, done = WorkerProcess(platform, asyncio.Event()), asyncio.Event(), []

    async def recompute(context: dict[str, Any], space_id: str, run_id: str) -> None:
        await context[CONTEXT].process.run_limited(Task.RECOMPUTE, space_id, run_id, gate.wait)
        done.append(run_id)

    async def settle(_: dict[str, Any], space_id: str, sync_id: str) -> None:
        await gate.wait()
        done.append(sync_id)

    tasks = {**TASKS, Task.RECOMPUTE: recompute, Task.SETTLE: settle}
    monkeypatch.setattr(own_work, "TASKS", tasks)
    own = OwnWork(process)
    for number in range(20):
        assert own.do(Task.RECOMPUTE, (f"spa{number}", f"run{number}"), "sweep")
        own.do(Task.SETTLE, ("spa", f"syn{number}"), "sweep")
    await eventually(
        lambda: process.slots[Task.RECOMPUTE].taken == process.slots[Task.RECOMPUTE].limit
    )
    assert own.do(Task.PLAN, ("spa", "syn"), "sweep")
    await eventually(lambda: (Task.PLAN, "syn") not in own._working)
    assert sum(kind is Task.SETTLE for kind, _ in own._working) == own_work.MOST
    assert not own.look.is_set()
    gate.set()
    await eventually(lambda: not own._working)
    assert own.look.is_set(), "what was turned away is looked for at once"
    assert sum(name.startswith("syn") for name in done) == own_work.MOST


async def test_a_job_that_fails_passes_its_slot_on(platform: Platform) -> None:
    process = WorkerProcess(platform, asyncio.Event())
    gate, done = asyncio.Event(), []

    async def broken() -> None:
        await gate.wait()
        raise LookupError

    async def quick() -> None:
        done.append("quick")

    def run(name: str, work: Any) -> Any:
        return process.run_limited(Task.PLAN, f"spa{name}", f"syn{name}", work)

    slots = process.slots[Task.PLAN]
    full = [asyncio.create_task(run(str(number), broken)) for number in range(slots.limit)]
    await eventually(lambda: slots.taken == slots.limit)
    for name in "abc":
        await run(name, broken if name == "b" else quick)
    assert done == []
    gate.set()
    found = await asyncio.gather(*full, return_exceptions=True)
    assert [type(one) for one in found] == [LookupError] * slots.limit
    assert done == ["quick"] * 2
    assert (slots.taken, dict(slots.waiting)) == (0, {})
