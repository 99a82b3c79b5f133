"""The sweep: housekeeping goes on beside it, and ends with it."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from datetime import timedelta

from app.core.ids import new_id
from app.services.platform import Platform
from tests.flow import eventually
from workers.context import Program
from workers.sweep import Sweep


async def test_the_collector_works_beside_the_sweep(platform: Platform) -> None:
    settings = platform.settings.model_copy(update={"orphan_age": timedelta(0)})
    path = platform.engine.scratch_file(".txt")
    path.write_text("nobody names it")
    await platform.objects.put(path, f"orphans/{new_id('f')}")
    young = dataclasses.replace(platform, settings=settings)
    stop = asyncio.Event()
    sweep = Sweep(young, Program(young, stop), stop, next_collection=time.monotonic())
    running = asyncio.create_task(sweep.run())
    await eventually(lambda: _is_empty(platform), 20)
    stop.set()
    await asyncio.wait_for(running, 10)
    assert sweep.collecting is None


async def _is_empty(platform: Platform) -> bool:
    return not [key async for key, _, _ in platform.objects.list("orphans/")]
