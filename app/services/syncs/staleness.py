"""Whether an activation has something to send now: what is newer than what its last sync was planned from."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.options import frequency_of
from app.domain.sync_states import SyncState
from app.services.syncs import one_time
from app.storage.models import Activation, Sync
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.pins import PinRepository
from app.storage.repositories.syncs import SyncRepository


async def is_due(session: AsyncSession, activation: Activation) -> bool:
    """Check whether an activation has something to send now. A scheduled one does not send new snapshots before its time."""
    if activation.baseline_wanted or await was_interrupted(session, activation):
        return True
    if await one_time.waits(session, activation):
        return False
    follows = frequency_of(activation.options).follows_runs
    return await something_newer(session, activation, snapshots=follows)


async def something_newer(
    session: AsyncSession, activation: Activation, *, snapshots: bool = True
) -> bool:
    """Check whether a source's snapshot, the revision or a resync is newer than what the last sync had pinned.

    Without ``snapshots``, snapshots do not count: a scheduled activation sends them at its time.
    """
    last = await SyncRepository(session).last_planned(activation.space_id, activation.id)
    if last is None:
        return snapshots or activation.resync_wanted > activation.resync_done
    return await is_outdated(session, activation, last, snapshots=snapshots)


async def was_interrupted(session: AsyncSession, activation: Activation) -> bool:
    """Check whether the last sync failed, or was cancelled by the service and not by a user."""
    last = await SyncRepository(session).last_begun(activation.space_id, activation.id)
    if last is None:
        return False
    stopped = last.state == SyncState.CANCELLED and "by" not in (last.error or {})
    return stopped or last.state == SyncState.FAILED


async def is_outdated(
    session: AsyncSession, activation: Activation, sync: Sync, *, snapshots: bool = True
) -> bool:
    """Check whether a sync was planned from an older resync, revision or snapshot than the current one."""
    if activation.resync_wanted > max(activation.resync_done, sync.resync_generation):
        return True
    if activation.revision_id != sync.revision_id:
        return True
    if not snapshots:
        return False
    pinned = await PinRepository(session).pinned(activation.space_id, sync.id)
    audiences = await AudienceRepository(session).sources_of(activation.space_id, activation.id)
    return any(pinned.get(audience.id) != audience.snapshot_id for audience in audiences)
