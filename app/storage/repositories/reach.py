"""What is known of the reach of audiences: connections with their activations, and what plans have counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import Activation, ActivationRevision, Sync, SyncSource
from app.storage.repositories.activations import CURRENT_REVISION
from app.storage.repositories.sources import SourceRepository

#: Syncs whose plans are made of the whole membership.
_WHOLE = ("incremental", "resync", "baseline")


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan has counted: keys wanted, and members left out by reason."""

    wanted: int
    left_out: Mapping[str, int]


class ReachRepository:
    """Reads for the reach of an audience."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def activations_on(
        self, space_id: str, connection_ids: Sequence[str]
    ) -> Sequence[tuple[Activation, Mapping[str, Any]]]:
        """Living activations of some connections with what they are told now, in the order of making."""
        query = (
            select(Activation, ActivationRevision.config)
            .join(ActivationRevision, CURRENT_REVISION)
            .where(
                Activation.space_id == space_id,
                Activation.connection_id.in_(connection_ids),
                Activation.deleted_at.is_(None),
            )
            .order_by(Activation.id)
        )
        return [(row[0], row[1]) for row in await self._session.execute(query)]

    async def planned(self, activation: Activation, snapshots: Mapping[str, str]) -> Planned | None:
        """What the newest plan of an activation under its revision, from just these snapshots by audience, counted."""
        audience_id = activation.audience_id
        query = (
            select(Sync)
            .join(
                SyncSource,
                and_(SyncSource.space_id == Sync.space_id, SyncSource.sync_id == Sync.id),
            )
            .where(
                Sync.space_id == activation.space_id,
                Sync.activation_id == activation.id,
                Sync.revision_id == activation.revision_id,
                Sync.kind.in_(_WHOLE),
                Sync.wanted.is_not(None),
                SyncSource.audience_id == audience_id,
                SyncSource.snapshot_id == snapshots[audience_id],
            )
            .order_by(Sync.number.desc())
            .limit(1)
        )
        sync = (await self._session.scalars(query)).first()
        if sync is None or sync.wanted is None:
            return None
        pinned = await SourceRepository(self._session).pinned(sync.space_id, sync.id)
        if pinned != snapshots:
            return None
        return Planned(sync.wanted, sync.left_out)
