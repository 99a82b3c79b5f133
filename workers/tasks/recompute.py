"""The task `recompute`."""

from __future__ import annotations

from typing import Any

from app.queue import Task
from app.services.audiences import recompute_audience as service
from workers.context import CONTEXT, Context


async def recompute(ctx: dict[str, Any], space_id: str, subject_id: str) -> None:
    """Do what is due; nothing where somebody else has it."""
    context: Context = ctx[CONTEXT]

    async def work() -> None:
        await service(context.platform, space_id, subject_id, lane=context.lane)

    await context.program.work_heavily(Task.RECOMPUTE, subject_id, work)
