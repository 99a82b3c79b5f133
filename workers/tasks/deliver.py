"""The task `deliver`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from app.services.delivery import Pump
from app.services.periodic import batches_wait
from app.services.platform import deliver_again
from workers.context import CONTEXT, Context

PASS_ON = timedelta(milliseconds=500)


async def deliver(ctx: dict[str, Any], space_id: str, sync_id: str) -> None:
    """Deliver what is due for a slice of time; then enqueue another delivery (R16).

    One pump runs per process. While batches wait, a second job is passed on with a delay, so that another worker can
    take it; at most one per delay, because each looks for due batches in the database.
    """
    context: Context = ctx[CONTEXT]
    program = context.program
    if program.pumping:
        now = asyncio.get_running_loop().time()
        if now >= program.next_pass and await batches_wait(context.platform):
            program.next_pass = now + PASS_ON.total_seconds()
            await deliver_again(context.platform.queue, space_id, sync_id, PASS_ON)
        return
    program.pumping = True
    try:
        pump = Pump(context.platform, program.cache, context.lane, program.stop)
        more = await pump.run()
    finally:
        program.pumping = False
    if more and not program.stop.is_set():
        await deliver_again(context.platform.queue, space_id, sync_id)
