"""Pins: the snapshots that a sync was planned from."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select

from app.storage.models import Sync, SyncSource
from app.storage.repositories.base import Repository
from app.storage.repositories.built import built


class PinRepository(Repository[SyncSource]):
    """Table ``sync_source``."""

    model = SyncSource
    noun = "pin"
    key = (SyncSource.space_id, SyncSource.sync_id, SyncSource.audience_id)
    parent = (SyncSource.space_id, SyncSource.sync_id)

    async def pin(self, sync: Sync, audience_id: str, snapshot_id: str) -> None:
        """Pin a snapshot of an audience, in place of one that the sync has pinned before."""
        await self.session.merge(
            SyncSource(
                space_id=sync.space_id,
                sync_id=sync.id,
                audience_id=audience_id,
                snapshot_id=snapshot_id,
            )
        )

    async def pinned(self, space_id: str, sync_id: str) -> dict[str, str]:
        """Return the pinned snapshots of a sync as ``{audience id: snapshot id}``."""
        return (await self.pinned_by_each(space_id, [sync_id]))[sync_id]

    async def pinned_by_each(
        self, space_id: str, sync_ids: Sequence[str]
    ) -> dict[str, dict[str, str]]:
        """Return the pinned snapshots of syncs as ``{sync id: {audience id: snapshot id}}``."""
        found: dict[str, dict[str, str]] = {sync_id: {} for sync_id in sync_ids}
        for sync_id, audience, snapshot in await self._rows(_pinned(space_id, list(sync_ids))):
            found[sync_id][audience] = snapshot
        return found


@built
def _pinned(space_id: str, sync_ids: list[str]) -> Select[str, str, str]:
    return select(SyncSource.sync_id, SyncSource.audience_id, SyncSource.snapshot_id).where(
        SyncSource.space_id == space_id, SyncSource.sync_id.in_(sync_ids)
    )
