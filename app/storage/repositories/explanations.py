"""What is read to explain what became of one profile."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import Attempt, Sync


class ExplanationRepository:
    """Reads across syncs and attempts."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def settled_syncs(self, space_id: str, activation_id: str, limit: int) -> Sequence[Sync]:
        """The newest syncs of an activation that left an outcome, newest first."""
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
        return (await self.session.scalars(query)).all()

    async def attempts(
        self, space_id: str, batches: Collection[tuple[str, int]]
    ) -> Sequence[Attempt]:
        """The tries at batches, each named by its sync and number, in order."""
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
        return (await self.session.scalars(query)).all()
