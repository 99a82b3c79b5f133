"""The task ``settle``."""

from __future__ import annotations

from typing import Any

from app.services.syncs import settle_sync as service
from workers.context import CONTEXT, Context


async def settle(ctx: dict[str, Any], space_id: str, subject_id: str) -> None:
    """Settle a sync, unless another worker has its lease."""
    context: Context = ctx[CONTEXT]
    await service(context.platform, space_id, subject_id, lane=context.lane)
