"""Calls that a sync left with the partner when it ended: an import that was accepted may still be applied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from app.domain.batch_states import BatchState
from app.storage.models import Attempt, Batch, Sync
from app.storage.repositories.base import Reader
from app.storage.repositories.syncs import ENDED_STATES


class LeftCallQueries(Reader):
    """Reads across batches, attempts and syncs."""

    async def of_activation(self, space_id: str, activation_id: str) -> Sequence[Batch]:
        """Read the batches of ended syncs of an activation that the partner may still work on, oldest first."""
        query = (
            select(Batch)
            .join(Sync, (Sync.space_id == Batch.space_id) & (Sync.id == Batch.sync_id))
            .where(
                Sync.space_id == space_id,
                Sync.activation_id == activation_id,
                Sync.state.in_(ENDED_STATES),
                Batch.state != BatchState.RECORDED,
                Batch.continuation.is_not(None),
            )
            .order_by(Sync.number, Batch.number)
        )
        return await self._all(query)

    async def waits_since(self, space_id: str, sync_id: str) -> datetime | None:
        """Return since when the oldest call of a sync is left with the partner, None if no call is."""
        query = (
            select(func.min(Attempt.started_at))
            .join(
                Batch,
                (Batch.space_id == Attempt.space_id)
                & (Batch.sync_id == Attempt.sync_id)
                & (Batch.number == Attempt.number),
            )
            .where(
                Batch.space_id == space_id,
                Batch.sync_id == sync_id,
                Batch.state != BatchState.RECORDED,
                Batch.continuation.is_not(None),
            )
        )
        moment: datetime | None = (await self.session.execute(query)).scalar_one()
        return moment
