"""What a sync was planned from, with numbers and names for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import Sync
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.revisions import RevisionRepository
from app.storage.repositories.snapshots import SnapshotRepository


@dataclass(frozen=True, slots=True)
class OriginSnapshot:
    """A snapshot that a sync was planned from. ``version`` is None if it is no longer kept."""

    id: str
    audience_id: str
    audience_name: str
    version: int | None


@dataclass(frozen=True, slots=True)
class SyncOrigin:
    """The number of the revision, None before the plan, and a snapshot for each audience."""

    revision: int | None
    snapshots: Sequence[OriginSnapshot]


async def sync_origin(
    session: AsyncSession, sync: Sync, snapshots: Mapping[str, str]
) -> SyncOrigin:
    """Return what a sync was planned from. ``snapshots`` are the ids of its snapshots by audience."""
    revision = None
    if sync.revision_id is not None:
        revision = await RevisionRepository(session).known(sync.space_id, sync.revision_id)
    found = []
    for audience_id, snapshot_id in snapshots.items():
        audience = await AudienceRepository(session).get(sync.space_id, audience_id)
        snapshot = await SnapshotRepository(session).get(sync.space_id, snapshot_id)
        found.append(
            OriginSnapshot(
                id=snapshot_id,
                audience_id=audience_id,
                audience_name=audience.name if audience else audience_id,
                version=snapshot.version if snapshot else None,
            )
        )
    return SyncOrigin(revision.number if revision else None, found)
