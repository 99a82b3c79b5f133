"""Progress of batches whose calls go on, recorded under their leases: after a crash only later calls are unknown (R8)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.services.delivery.call_run import CallRun
from app.services.platform import Platform, retry_transaction
from app.storage.repositories.batch_counts import Kept
from app.storage.repositories.batches import BatchRepository

log = get_logger(__name__)


async def keep_progress(platform: Platform, runs: Sequence[CallRun]) -> None:
    """Record what became of the calls of some batches.

    A batch whose lease was lost, whose sync is being closed or whose account is paused makes no further call.
    """
    if not runs:
        return
    doubts = [run.results.doubts for run in runs]
    kept = sorted((run.results.kept() for run in runs), key=_id)

    async def write(session: AsyncSession) -> dict[tuple[str, str, int], bool]:
        return await BatchRepository(session).keep(kept)

    halted = await retry_transaction(platform.unit_of_work, write)
    for run, seen in zip(runs, doubts, strict=True):
        batch = run.results.batch
        is_halted = halted.get((batch.space_id, batch.sync_id, batch.number))
        if is_halted is None and not run.is_over:
            run.is_lost = True
            log.warning("batch_lost", sync_id=batch.sync_id, batch=batch.number)
        elif is_halted is not None:
            run.results.doubts_kept = seen
            run.is_stopped |= is_halted


def _id(kept: Kept) -> tuple[str, str, int]:
    return kept.batch.space_id, kept.batch.sync_id, kept.batch.number
