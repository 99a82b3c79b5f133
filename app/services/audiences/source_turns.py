"""The turns of runs to read users' databases: a run without a slot is put off, and woken when a slot is free."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from app.services.platform import Platform, release_lease, wake_recompute
from app.storage.repositories.runs import RunRepository

_SHORTEST, _LONGEST = 10.0, 60.0  # seconds until a run that was not called asks again


class NoRoom(Exception):
    """No slot is free. The run asks again after ``wait``."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


@asynccontextmanager
async def room_of_run(platform: Platform, space_id: str, run_id: str) -> AsyncIterator[None]:
    """Hold a slot for everything that a run reads. Raises NoRoom at once if none is free."""
    slots, owner = platform.readings, await platform.owner_of(space_id)
    if not slots.take(owner, run_id, space_id):
        seconds = min(max(_SHORTEST, float(slots.waiting)), _LONGEST)
        raise NoRoom(timedelta(seconds=seconds * random.uniform(0.8, 1.2)))  # noqa: S311  jitter
    try:
        yield
    finally:
        slots.give_back(owner)
        await release_lease(_call_next(platform))


async def _call_next(platform: Platform) -> None:
    """Wake the run whose turn it is. Without this it would ask again, but later."""
    while (following := platform.readings.call_next()) is not None:
        async with platform.unit_of_work() as session:
            run = await RunRepository(session).hasten(following.space_id, following.run_id)
            if run is not None:
                wake_recompute(session, run)
                return
        platform.readings.forget(following.run_id)
