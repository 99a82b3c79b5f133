"""A run's turn to read users' databases: without room it is put off, not kept waiting, and called when there is some."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from app.services.platform import Platform, release_lease, wake_recompute
from app.storage.repositories.runs import RunRepository

_SHORTEST, _LONGEST = 10.0, 60.0  # seconds until a run that was not called asks again


class NoRoom(Exception):
    """The databases of others are being read; the run is to ask again after ``wait``."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


@asynccontextmanager
async def room_of_run(platform: Platform, space_id: str, run_id: str) -> AsyncIterator[None]:
    """A place among the readings of this process, for all that one run reads; NoRoom at once where there is none."""
    readings = platform.readings
    if not readings.take(space_id, run_id):
        seconds = min(max(_SHORTEST, float(readings.waiting)), _LONGEST)
        raise NoRoom(timedelta(seconds=seconds * random.uniform(0.8, 1.2)))  # noqa: S311  jitter
    try:
        yield
    finally:
        readings.give_back(space_id)
        await release_lease(_call_next(platform))


async def _call_next(platform: Platform) -> None:
    """Ring for whose turn it is; it would ask again by itself, only later."""
    while (following := platform.readings.call_next()) is not None:
        async with platform.unit_of_work() as session:
            run = await RunRepository(session).hasten(following.space_id, following.run_id)
            if run is not None:
                wake_recompute(session, run)
                return
        platform.readings.forget(following.run_id)
