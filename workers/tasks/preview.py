"""The task ``preview``."""

from __future__ import annotations

from typing import Any

from app.queue import Task
from app.services.audiences import compute_preview
from workers.context import CONTEXT, Context


async def preview(ctx: dict[str, Any], space_id: str, preview_id: str) -> None:
    """Compute the preview of a definition before it is saved."""
    context: Context = ctx[CONTEXT]

    async def work() -> None:
        await compute_preview(context.platform, space_id, preview_id)

    await context.process.run_limited(Task.PREVIEW, space_id, preview_id, work)
