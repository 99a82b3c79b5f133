"""Whose union an activation sends, and which snapshots of it a sync has pinned."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import Activation, ActivationSource, Audience, SyncSource


class SourceRepository:
    """All queries about the audiences of activations and syncs."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of_activation(self, space_id: str, activation_id: str) -> Sequence[Audience]:
        """The audiences whose union is sent, in order."""
        query = (
            select(Audience)
            .join(
                ActivationSource,
                (ActivationSource.space_id == Audience.space_id)
                & (ActivationSource.audience_id == Audience.id),
            )
            .where(
                ActivationSource.space_id == space_id,
                ActivationSource.activation_id == activation_id,
            )
            .order_by(ActivationSource.position)
            .execution_options(populate_existing=True)
        )
        return (await self._session.scalars(query)).all()

    async def replace(self, activation: Activation, audience_ids: Sequence[str]) -> None:
        """Whose union an activation sends from now on; the first is its own audience."""
        await self._session.execute(
            delete(ActivationSource).where(
                ActivationSource.space_id == activation.space_id,
                ActivationSource.activation_id == activation.id,
            )
        )
        self._session.add_all(
            ActivationSource(
                space_id=activation.space_id,
                activation_id=activation.id,
                position=position,
                audience_id=audience_id,
            )
            for position, audience_id in enumerate(audience_ids)
        )
        await self._session.flush()

    async def pinned(self, space_id: str, sync_id: str) -> dict[str, str]:
        """Audience to snapshot, as a sync has pinned them."""
        query = select(SyncSource.audience_id, SyncSource.snapshot_id).where(
            SyncSource.space_id == space_id, SyncSource.sync_id == sync_id
        )
        return {row.audience_id: row.snapshot_id for row in await self._session.execute(query)}

    async def pinned_by_each(
        self, space_id: str, sync_ids: Sequence[str]
    ) -> dict[str, dict[str, str]]:
        """The same for several syncs at once."""
        query = select(SyncSource.sync_id, SyncSource.audience_id, SyncSource.snapshot_id).where(
            SyncSource.space_id == space_id, SyncSource.sync_id.in_(sync_ids)
        )
        found: dict[str, dict[str, str]] = {sync_id: {} for sync_id in sync_ids}
        for sync_id, audience, snapshot in await self._session.execute(query):
            found[sync_id][audience] = snapshot
        return found
