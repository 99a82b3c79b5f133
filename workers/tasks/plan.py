"""The task ``plan``."""

from __future__ import annotations

from typing import Any

from app.queue import Task
from app.services.planning import plan_sync as service
from app.storage.repositories.work_sizes import rows_of_sync
from workers.context import CONTEXT, Context
from workers.tasks.deliver import deliver


async def plan(ctx: dict[str, Any], space_id: str, subject_id: str) -> None:
    """Plan a sync, unless another worker has its lease. Then start to deliver without waiting for a wake-up."""
    context: Context = ctx[CONTEXT]
    planned = False

    async def work() -> None:
        nonlocal planned
        planned = await service(context.platform, space_id, subject_id, lane=context.lane)

    rows = await rows_of_sync(context.platform.hot, space_id, subject_id)
    await context.process.run_limited(Task.PLAN, space_id, subject_id, work, rows=rows)
    if planned and not context.process.pumping:
        await deliver(ctx, space_id, subject_id)
