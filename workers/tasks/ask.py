"""The task ``ask``."""

from __future__ import annotations

from typing import Any

from app.services.planning import ask_left_calls
from workers.context import CONTEXT, Context


async def ask(ctx: dict[str, Any], space_id: str, activation_id: str) -> None:
    """Ask the partner whether it has finished the calls that the syncs of an activation left with it."""
    context: Context = ctx[CONTEXT]
    await ask_left_calls(context.platform, space_id, activation_id)
