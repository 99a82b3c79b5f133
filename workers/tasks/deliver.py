"""The task ``deliver``."""

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
    """Deliver due batches for a limited time, then enqueue the task again if more are due (R16).

    Only one pump runs in a process. While it runs and batches are waiting, a second wake-up is enqueued again, so that
    another worker receives it. This happens at most once per PASS_ON, because each check queries the batches.
    """
    context: Context = ctx[CONTEXT]
    process = context.process
    process.rung = True
    if process.pumping:
        now = asyncio.get_running_loop().time()
        if now >= process.next_pass and await batches_wait(context.platform):
            process.next_pass = now + PASS_ON.total_seconds()
            await deliver_again(context.platform.queue, space_id, sync_id, PASS_ON)
        return
    process.pumping, more = True, False
    try:
        # A wake-up that comes while the pump ends must not be lost: it looks once more.
        while process.rung and not more and not process.stop.is_set():
            process.rung = False
            more = await Pump(context.platform, process.cache, context.lane, process.stop).run()
    finally:
        process.pumping = False
    if more and not process.stop.is_set():
        await deliver_again(context.platform.queue, space_id, sync_id)
