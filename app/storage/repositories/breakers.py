"""The breaker of an account: what its attempts came to, and until when nobody calls it.

The breaker is our own because its state must change in the transaction that records the batch, hold for all workers,
survive a restart of Redis, and be shown by the API. Libraries keep it in the process or in Redis.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import DateTime, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import Attempt, Destination, Sync

LONGEST_PAUSE = timedelta(days=1)  # of a breaker that closes by itself

_database_now = func.clock_timestamp(type_=DateTime(timezone=True))


class BreakerRepository:
    """All queries about breakers."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def account_attempts(
        self, space_id: str, destination_id: str, window: timedelta
    ) -> tuple[int, int]:
        """Ended attempts of an account in the last ``window``, and how many of them failed."""
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
                Sync.last_claim_at > _database_now - window,
                Attempt.ended_at > _database_now - window,
            )
        )
        total, failed = (await self.session.execute(query)).one()
        return int(total), int(failed)

    async def open_breaker(
        self, space_id: str, destination_id: str, pause: timedelta, breaker: dict[str, Any]
    ) -> None:
        """Nobody calls this account for a while."""
        await self.session.execute(
            update(Destination)
            .where(Destination.space_id == space_id, Destination.id == destination_id)
            .values(open_until=_database_now + pause, breaker=breaker)
            .execution_options(synchronize_session=False)
        )

    async def half_open(self, space_id: str, destination_id: str) -> None:
        """Let one batch try an account that is closed until somebody acts; any other pause stays as it is."""
        await self.session.execute(
            update(Destination)
            .where(
                Destination.space_id == space_id,
                Destination.id == destination_id,
                Destination.open_until > _database_now + LONGEST_PAUSE,
            )
            .values(open_until=_database_now)
            .execution_options(synchronize_session=False)
        )

    async def close_breaker(self, space_id: str, destination_id: str) -> None:
        """The account answers again."""
        await self.session.execute(
            update(Destination)
            .where(Destination.space_id == space_id, Destination.id == destination_id)
            .values(open_until=None, breaker=None)
            .execution_options(synchronize_session=False)
        )
