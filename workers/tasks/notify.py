"""The task ``notify``."""

from __future__ import annotations

from typing import Any

from app.services.syncs import send_notices
from workers.context import CONTEXT, Context


async def notify(ctx: dict[str, Any], space_id: str, notice_id: str) -> None:
    """Send one notice."""
    context: Context = ctx[CONTEXT]
    await send_notices(context.platform, space_id, notice_id)
