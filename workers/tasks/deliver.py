"""The task `deliver`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from app.core.ids import new_id
from app.queue import Task
from app.services.delivery import Pump
from app.services.periodic import batches_wait
from workers.context import CONTEXT, Context

PASS_ON = timedelta(milliseconds=500)


async def deliver(ctx: dict[str, Any], space_id: str, sync_id: str) -> None:
    """Deliver whatever is due, for a slice of time; then ring again (R16).

    One pump works in a process. A second bell is passed on while batches still wait, so that another worker may
    hear it; one at a time, since each costs a look at the batches.
    """
    context: Context = ctx[CONTEXT]
    program = context.program
    if program.pumping:
        now = asyncio.get_running_loop().time()
        if now >= program.next_pass and await batches_wait(context.platform):
            program.next_pass = now + PASS_ON.total_seconds()
            await _ring(context, space_id, sync_id, PASS_ON)
        return
    program.pumping = True
    try:
        pump = Pump(context.platform, program.cache, context.lane, program.stop)
        more = await pump.run()
    finally:
        program.pumping = False
    if more and not program.stop.is_set():
        await _ring(context, space_id, sync_id, None)


async def _ring(context: Context, space_id: str, sync_id: str, delay: timedelta | None) -> None:
    job_id = f"deliver:{sync_id}:{new_id('again')}"
    await context.platform.queue.ring(Task.DELIVER, space_id, sync_id, job_id=job_id, delay=delay)
