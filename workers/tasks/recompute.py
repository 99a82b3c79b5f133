"""The task ``recompute``."""

from __future__ import annotations

from typing import Any

from app.queue import Task
from app.services.audiences import recompute_audience as service
from app.storage.repositories.work_sizes import rows_of_run
from workers.context import CONTEXT, Context


async def recompute(ctx: dict[str, Any], space_id: str, subject_id: str) -> None:
    """Compute an audience's run, unless another worker has its lease."""
    context: Context = ctx[CONTEXT]

    async def work() -> None:
        await service(context.platform, space_id, subject_id, lane=context.lane)

    rows = await rows_of_run(context.platform.hot, space_id, subject_id)
    await context.process.run_limited(Task.RECOMPUTE, space_id, subject_id, work, rows=rows)
