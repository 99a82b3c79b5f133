"""The task ``erase``."""

from __future__ import annotations

from typing import Any

from app.services.erasure import carry_on_erasure
from workers.context import CONTEXT, Context


async def erase(ctx: dict[str, Any], space_id: str, erasure_id: str) -> None:
    """Carry out one pass of an erasure, unless another worker has its lease."""
    context: Context = ctx[CONTEXT]
    await carry_on_erasure(context.platform, space_id, erasure_id, lane=context.lane)
