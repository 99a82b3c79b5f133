"""Batches of a sync, as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select

from app.domain.batch_states import BatchState
from app.storage.models import Batch
from app.storage.repositories.base import DATABASE_NOW, Repository
from app.storage.repositories.batch_counts import BatchCounts
from app.storage.repositories.built import built


class BatchReads(Repository[Batch]):
    """Reads of the table ``batch``, which ``BatchRepository`` writes."""

    model = Batch
    noun = "batch"
    key = (Batch.space_id, Batch.sync_id, Batch.number)
    parent = (Batch.space_id, Batch.sync_id)

    async def of_sync(self, space_id: str, sync_id: str) -> Sequence[Batch]:
        """Read all batches of a sync in order."""
        query = select(Batch).where(Batch.space_id == space_id, Batch.sync_id == sync_id)
        return await self._all(query.order_by(Batch.number))

    async def counts(self, space_id: str, sync_ids: Sequence[str]) -> dict[str, BatchCounts]:
        """Return the sums over the batches of each sync, by sync id. Syncs without batches are missing."""
        rows = await self._rows(_counts(space_id, list(sync_ids)))
        return {row[0]: BatchCounts(*(int(value) for value in row[1:])) for row in rows}

    async def under_way(self, space_id: str, sync_id: str) -> tuple[bool, bool]:
        """Return whether a batch of a sync is being sent, and whether the partner still works on one that is not recorded."""
        (row,) = await self._rows(_under_way(space_id, sync_id))
        return bool(row[0]), bool(row[1])

    async def in_flight_until(self, space_id: str, sync_id: str) -> datetime | None:
        """Return until when a batch of a sync may be in flight, None if none is."""
        query = select(func.max(Batch.lease_until)).where(
            Batch.space_id == space_id,
            Batch.sync_id == sync_id,
            Batch.state == BatchState.SENDING,
            Batch.lease_until > DATABASE_NOW,
        )
        moment: datetime | None = (await self.session.execute(query)).scalar_one()
        return moment


@built
def _counts(space_id: str, sync_ids: list[str]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Batch.sync_id,
            func.count(),
            func.count().filter(Batch.state == BatchState.RECORDED),
            func.count().filter(Batch.state == BatchState.SENDING),
            func.coalesce(func.sum(Batch.delivered), 0),
            func.coalesce(func.sum(Batch.rejected), 0),
            func.coalesce(func.sum(Batch.skipped), 0),
        )
        .where(Batch.space_id == space_id, Batch.sync_id.in_(sync_ids))
        .group_by(Batch.sync_id)
    )


@built
def _under_way(space_id: str, sync_id: str) -> Select[*tuple[Any, ...]]:
    is_left = and_(Batch.state != BatchState.RECORDED, Batch.continuation.is_not(None))
    return select(func.bool_or(Batch.state == BatchState.SENDING), func.bool_or(is_left)).where(
        Batch.space_id == space_id, Batch.sync_id == sync_id
    )
