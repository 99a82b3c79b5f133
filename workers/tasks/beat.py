"""The task ``beat``."""

from __future__ import annotations

from typing import Any

from app.core.logging import get_logger
from app.services.platform import is_lost, write_beat
from workers.context import CONTEXT, Context

log = get_logger(__name__)


async def beat(ctx: dict[str, Any], worker_id: str) -> None:
    """Write the heartbeat of this worker: its queue loop receives jobs. The job of a worker that is gone does nothing."""
    context: Context = ctx[CONTEXT]
    process = context.process
    if worker_id != process.name.id:
        return
    process.beats.heard()
    try:
        await write_beat(context.platform, process.name, context.lane)
    except Exception as error:
        if not is_lost(error):
            raise
        log.warning("heartbeat_not_written", error=type(error).__name__)
    else:
        process.beats.written()
