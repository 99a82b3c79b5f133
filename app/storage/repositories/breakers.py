"""What the recent attempts of a destination say: whether its circuit breaker opens (R22), and whether it accepts changes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, case, func, or_, select, tuple_

from app.domain.retry import AttemptOutcome, Failure
from app.storage.models import Attempt, Batch, Sync
from app.storage.repositories.base import DATABASE_NOW, Reader


class BreakerQueries(Reader):
    """Reads across syncs and attempts. ``DestinationRepository`` writes the breaker."""

    async def account_attempts(
        self, space_id: str, destination_id: str, window: timedelta
    ) -> tuple[int, int]:
        """Return how many calls of a destination ended in the last ``window``, and how many of them failed."""
        has_failed = case((Attempt.outcome.in_(("unknown", "failed")), 1), else_=0)
        query = (
            select(
                func.coalesce(func.sum(func.coalesce(Attempt.calls, 1)), 0),
                func.coalesce(func.sum(func.coalesce(Attempt.calls_failed, has_failed)), 0),
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

    async def accepts_others(self, batch: Batch, destination_id: str, window: timedelta) -> bool:
        """Return whether a destination accepted a change in the last ``window``, and has refused only this batch since.

        A partner that suddenly refuses everything refuses several batches.
        """
        join = (Sync.space_id == Attempt.space_id) & (Sync.id == Attempt.sync_id)
        same = (
            (Batch.space_id == Attempt.space_id)
            & (Batch.sync_id == Attempt.sync_id)
            & (Batch.number == Attempt.number)
        )
        of_account = (
            Attempt.space_id == batch.space_id,
            Sync.destination_id == destination_id,
            Attempt.ended_at > DATABASE_NOW - window,
        )
        passed = await self.session.scalar(
            select(func.max(Attempt.ended_at))
            .select_from(Attempt)
            .join(Sync, join)
            .join(Batch, same)
            .where(
                *of_account,
                or_(
                    and_(Attempt.outcome == AttemptOutcome.DELIVERED, Batch.delivered > 0),
                    Attempt.calls_delivered > 0,
                ),
            )
        )
        if passed is None:
            return False
        others = await self.session.scalar(
            select(func.count())
            .select_from(Attempt)
            .join(Sync, join)
            .where(
                *of_account,
                Attempt.outcome == Failure.REFUSED,
                Attempt.ended_at > passed,
                tuple_(Attempt.sync_id, Attempt.number) != tuple_(batch.sync_id, batch.number),
            )
        )
        return not others
