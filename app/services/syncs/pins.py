"""Pins: the snapshots that a sync is planned from and sent with, even if its audiences have newer ones."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict
from app.services.revision import Revision
from app.storage.models import Activation, Snapshot, Sync
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.pins import PinRepository
from app.storage.repositories.snapshots import SnapshotRepository


async def pin_snapshots(session: AsyncSession, sync: Sync) -> None:
    """Store which snapshots a sync is planned from. Raises Conflict if an audience has no snapshot.

    A baseline keeps the snapshots of the moment when it was requested, and leaves out audiences that had none then.
    """
    repository = PinRepository(session)
    is_baseline = sync.kind == "baseline"
    if is_baseline and await repository.pinned(sync.space_id, sync.id):
        return
    for audience in await AudienceRepository(session).sources_of(sync.space_id, sync.activation_id):
        if audience.snapshot_id is None:
            if is_baseline:
                continue
            raise Conflict(f"The audience {audience.key!r} has not been computed yet.")
        await SnapshotRepository(session).require(sync.space_id, audience.snapshot_id, lock="keep")
        await repository.pin(sync, audience.id, audience.snapshot_id)
    await session.flush()


async def pinned_snapshots(
    session: AsyncSession, sync: Sync, activation: Activation, revision: Revision
) -> Sequence[Snapshot]:
    """Return the snapshots that a sync is planned from, in the order of the revision's audiences."""
    pinned = await PinRepository(session).pinned(sync.space_id, sync.id)
    found = []
    for audience_id in (activation.audience_id, *revision.audiences):
        if audience_id in pinned:
            snapshot = await SnapshotRepository(session).get(sync.space_id, pinned[audience_id])
            assert snapshot is not None  # noqa: S101  pinned rows are never deleted
            found.append(snapshot)
    return found
