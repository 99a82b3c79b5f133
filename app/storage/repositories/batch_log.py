"""The batches of a sync with their attempts, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select

from app.storage.models import Attempt, Batch
from app.storage.repositories.base import Reader


class BatchLogQueries(Reader):
    """Reads across batches and attempts."""

    async def page(self, space_id: str, sync_id: str, *, after: int, limit: int) -> Sequence[Batch]:
        """Read batches with a number above ``after``, in order."""
        query = select(Batch).where(
            Batch.space_id == space_id, Batch.sync_id == sync_id, Batch.number > after
        )
        return await self._all(query.order_by(Batch.number).limit(limit))

    async def count(self, space_id: str, sync_id: str) -> int:
        """Return the number of batches of a sync."""
        query = select(func.count()).where(Batch.space_id == space_id, Batch.sync_id == sync_id)
        return await self._number(query)

    async def delivered(self, space_id: str, sync_id: str) -> Sequence[tuple[int, int]]:
        """Return first row and number of delivered changes of each batch of a sync."""
        query = select(Batch.first_row, Batch.delivered).where(
            Batch.space_id == space_id, Batch.sync_id == sync_id
        )
        return [(row.first_row, row.delivered) for row in await self._rows(query)]

    async def attempts(
        self, space_id: str, sync_id: str, numbers: Sequence[int]
    ) -> Mapping[int, Sequence[Attempt]]:
        """Return the attempts at batches, the first one first: ``{number of the batch: attempts}``."""
        query = (
            select(Attempt)
            .where(
                Attempt.space_id == space_id,
                Attempt.sync_id == sync_id,
                Attempt.number.in_(numbers),
            )
            .order_by(Attempt.number, Attempt.n)
        )
        found: dict[int, list[Attempt]] = {number: [] for number in numbers}
        for attempt in await self._all(query):
            found[attempt.number].append(attempt)
        return found

    async def first_of_kind(self, space_id: str, sync_id: str, kind: str) -> Batch | None:
        """Return the first batch with changes of one kind. Returns None if the plan has none, or if its batches are mixed."""
        query = select(Batch).where(
            Batch.space_id == space_id, Batch.sync_id == sync_id, Batch.kind == kind
        )
        return await self._first(query.order_by(Batch.number).limit(1))

    async def first(self, space_id: str, sync_id: str) -> Batch | None:
        """Return the first batch of a sync."""
        query = select(Batch).where(Batch.space_id == space_id, Batch.sync_id == sync_id)
        return await self._first(query.order_by(Batch.number).limit(1))
