"""What explaining the delivery of one profile reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select, tuple_

from app.storage.models import Attempt, Sync
from app.storage.repositories.base import Reader


class ExplanationQueries(Reader):
    """Reads across syncs and attempts."""

    async def settled_syncs(self, space_id: str, activation_id: str, limit: int) -> Sequence[Sync]:
        """Read the newest syncs of an activation that have an outcome file, newest first."""
        query = (
            select(Sync)
            .where(
                Sync.space_id == space_id,
                Sync.activation_id == activation_id,
                Sync.outcome.is_not(None),
            )
            .order_by(Sync.number.desc())
            .limit(limit)
        )
        return await self._all(query)

    async def attempts(
        self, space_id: str, batches: Collection[tuple[str, int]]
    ) -> Sequence[Attempt]:
        """Read the attempts of batches, given as sync id and number, in order."""
        if not batches:
            return ()
        query = (
            select(Attempt)
            .where(
                Attempt.space_id == space_id,
                tuple_(Attempt.sync_id, Attempt.number).in_(list(batches)),
            )
            .order_by(Attempt.sync_id, Attempt.number, Attempt.n)
        )
        return await self._all(query)
