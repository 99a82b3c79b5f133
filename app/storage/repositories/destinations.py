"""Destinations: accounts at partners, and their circuit breakers (R22).

The breaker is our own because its state must change in the transaction that records the batch, hold for all workers,
survive a restart of Redis, and be shown by the API. Libraries keep it in the process or in Redis.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import or_, select, update

from app.storage.models import Destination, Sync
from app.storage.repositories.base import DATABASE_NOW, Repository

LONGEST_PAUSE = timedelta(days=1)  # of a breaker that closes automatically


class DestinationRepository(Repository[Destination]):
    """Table ``destination``."""

    model = Destination
    noun = "destination"
    key = (Destination.space_id, Destination.id)
    parent = (Destination.space_id,)

    async def open_breaker(
        self, space_id: str, destination_id: str, pause: timedelta, breaker: dict[str, Any]
    ) -> None:
        """Stop all calls to a destination for the time of a pause."""
        await self._write(
            update(Destination)
            .where(Destination.space_id == space_id, Destination.id == destination_id)
            .values(open_until=DATABASE_NOW + pause, breaker=breaker)
        )

    async def half_open(self, space_id: str, destination_id: str) -> None:
        """Allow one batch to probe a destination that is paused until a user acts. Shorter pauses are kept."""
        await self._write(
            update(Destination)
            .where(
                Destination.space_id == space_id,
                Destination.id == destination_id,
                Destination.open_until > DATABASE_NOW + LONGEST_PAUSE,
            )
            .values(open_until=DATABASE_NOW)
        )

    async def close_breaker(self, space_id: str, destination_id: str) -> None:
        """Allow calls to a destination again."""
        await self._write(
            update(Destination)
            .where(Destination.space_id == space_id, Destination.id == destination_id)
            .values(open_until=None, breaker=None)
        )

    async def begin_probe(self, space_id: str, sync_id: str, lease: timedelta) -> bool:
        """Keep all others from calling the destination of a sync while one batch probes it.

        Returns False if another sync or worker is probing.
        """
        account = (
            select(Sync.destination_id)
            .where(Sync.space_id == space_id, Sync.id == sync_id)
            .scalar_subquery()
        )
        held = await self.session.scalars(
            update(Destination)
            .where(
                Destination.space_id == space_id,
                Destination.id == account,
                or_(Destination.open_until.is_(None), Destination.open_until < DATABASE_NOW),
            )
            .values(open_until=DATABASE_NOW + lease)
            .returning(Destination.id)
            .execution_options(synchronize_session=False)
        )
        return held.first() is not None
