"""What decides whether the circuit breaker of a destination opens (R22)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from app.storage.models import Attempt, Sync
from app.storage.repositories.base import DATABASE_NOW, Reader


class BreakerQueries(Reader):
    """Reads across syncs and attempts. ``DestinationRepository`` writes the breaker."""

    async def account_attempts(
        self, space_id: str, destination_id: str, window: timedelta
    ) -> tuple[int, int]:
        """Return how many attempts at a destination ended in the last ``window``, and how many of them failed."""
        query = (
            select(
                func.count(),
                func.count().filter(Attempt.outcome.in_(("unknown", "failed"))),
            )
            .select_from(Attempt)
            .join(Sync, (Sync.space_id == Attempt.space_id) & (Sync.id == Attempt.sync_id))
            .where(
                Attempt.space_id == space_id,
                Sync.destination_id == destination_id,
                Sync.last_claim_at > DATABASE_NOW - window,
                Attempt.ended_at > DATABASE_NOW - window,
            )
        )
        total, failed = (await self.session.execute(query)).one()
        return int(total), int(failed)
