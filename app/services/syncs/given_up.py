"""Work on a sync that ends its workers: how a worker that is alive is not counted, and settling that is given up.

Settling that ends its workers again and again waits until a user acts, so that it blocks no other work.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import ConnectorError
from app.core.logging import get_logger
from app.services.platform import Platform, retry_transaction
from app.services.syncs.activation_errors import stop_for
from app.storage.models import Sync
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

UNTIL_A_USER_ACTS = timedelta(days=3650)


async def report_alive(platform: Platform, sync: Sync, event: str) -> None:
    """Do not count an attempt, whose lease was lost, as one that ended its worker. ``event`` is logged."""
    log.warning(event, sync_id=sync.id)

    async def write(session: AsyncSession) -> None:
        await SyncRepository(session).report_alive(sync.space_id, sync.id, sync.lease_token)

    await retry_transaction(platform.unit_of_work, write)


async def give_up_settling(platform: Platform, sync: Sync) -> None:
    """Put the activation of a claimed sync into the state ``error``, and settle the sync only after a user has acted.

    The sync stays open: without its receipts in the holdings (R8), the next plan would be wrong.
    """
    words = (
        f"Recording the results of a sync ended {sync.lost_leases} workers in a row; most likely it needs more memory "
        "than there is."
    )
    error = ConnectorError(words, code="settling_failed")
    await retry_transaction(platform.unit_of_work, partial(_write, sync, error))
    log.error("settle_given_up", sync_id=sync.id, workers=sync.lost_leases)


async def _write(sync: Sync, error: ConnectorError, session: AsyncSession) -> None:
    activation = await ActivationRepository(session).get_any(
        sync.space_id, sync.activation_id, lock="update"
    )
    assert activation is not None  # noqa: S101  a foreign key
    if not await SyncRepository(session).release(
        sync.space_id, sync.id, sync.lease_token, wait=UNTIL_A_USER_ACTS
    ):
        return
    await stop_for(session, activation, error)
