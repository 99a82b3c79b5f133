"""Batches that end their workers: how a worker that is alive is not counted, and a batch that is given up.

Memory that runs out, or a crash of native code, ends the worker without a record. The batch is then claimed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import ConnectorError
from app.core.logging import get_logger
from app.domain.retry import AttemptOutcome
from app.services.platform import Platform, retry_transaction
from app.services.syncs import fail_sync, stop_for
from app.storage.models import Batch
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)


async def report_alive(platform: Platform, batches: Sequence[Batch]) -> None:
    """Do not count that the leases of these batches end: this worker is alive, or stops in order."""

    async def write(session: AsyncSession) -> None:
        for batch in sorted(batches, key=lambda one: (one.space_id, one.sync_id, one.number)):
            await BatchRepository(session).report_alive(batch)

    try:
        await retry_transaction(platform.unit_of_work, write)
    except Exception as error:  # noqa: BLE001  then one more worker is counted
        log.warning("batches_not_reported", error=type(error).__name__)


async def give_up_batch(platform: Platform, batch: Batch) -> None:
    """Close the sync of a claimed batch as failed, and put its activation into the state ``error``.

    An attempt may have reached the partner: the changes of the batch are unknown (R8).
    """
    words = (
        f"Sending a batch ended {batch.lost_leases} workers in a row; most likely the response of the destination needs more "
        "memory than there is."
    )
    error = ConnectorError(words, code="sending_failed")
    await retry_transaction(platform.unit_of_work, partial(_write, batch, error))
    log.error("batch_ends_workers", sync_id=batch.sync_id, batch=batch.number)


async def _write(batch: Batch, error: ConnectorError, session: AsyncSession) -> None:
    syncs = SyncRepository(session)
    sync = await syncs.get(batch.space_id, batch.sync_id)
    assert sync is not None  # noqa: S101  a foreign key
    activation = await ActivationRepository(session).get_any(
        batch.space_id, sync.activation_id, lock="update"
    )
    assert activation is not None  # noqa: S101  a foreign key
    await syncs.mark_unknown(batch.space_id, batch.sync_id)
    if await BatchRepository(session).put_back(
        batch,
        ambiguous=True,
        wait=timedelta(0),
        attempt={"outcome": AttemptOutcome.GIVEN_UP, "error": error.message},
        failing=True,
    ):
        end = fail_sync if sync.kind == "test" else stop_for
        await end(session, activation, error)
