"""Reads after a restore from a backup: all activations, and how long ago each had its last sync."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select, tuple_

from app.storage.models import Activation, Sync
from app.storage.repositories.base import DATABASE_NOW, Reader


class RestoreQueries(Reader):
    """Reads across all workspaces."""

    async def activations(self, after: tuple[str, str], limit: int) -> Sequence[tuple[str, str]]:
        """Return space and id of activations that are not deleted, in the order of these."""
        query = (
            select(Activation.space_id, Activation.id)
            .where(
                tuple_(Activation.space_id, Activation.id) > after,
                Activation.deleted_at.is_(None),
            )
            .order_by(Activation.space_id, Activation.id)
            .limit(limit)
        )
        return [(row[0], row[1]) for row in await self.session.execute(query)]

    async def since_last_sync(self, activation: Activation) -> timedelta:
        """Return how long ago the newest known sync of an activation was opened; without one, the activation."""
        newest = select(func.max(Sync.opened_at)).where(
            Sync.space_id == activation.space_id, Sync.activation_id == activation.id
        )
        moment = func.coalesce(newest.scalar_subquery(), activation.created_at)
        passed: timedelta | None = await self.session.scalar(select(DATABASE_NOW - moment))
        return max(passed or timedelta(0), timedelta(0))
