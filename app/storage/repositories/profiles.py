"""What the search for a profile in a space reads."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, func, select

from app.storage.models import Audience, Snapshot
from app.storage.repositories.base import Reader


class ProfileQueries(Reader):
    """Reads across audiences and snapshots."""

    async def current_snapshots(
        self, space_id: str, before: str | None, limit: int
    ) -> Sequence[tuple[Audience, Snapshot]]:
        """Read the audiences of a space that have been computed, each with its current snapshot, the newest first.

        ``before`` is the id of a snapshot.
        """
        query = (
            select(Audience, Snapshot)
            .join(
                Snapshot,
                and_(
                    Snapshot.space_id == Audience.space_id,
                    Snapshot.id
                    == func.coalesce(Audience.pinned_snapshot_id, Audience.current_snapshot_id),
                ),
            )
            .where(Audience.space_id == space_id)
            .order_by(Snapshot.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(Snapshot.id < before)
        return [(audience, snapshot) for audience, snapshot in await self._rows(query)]

    async def count_computed(self, space_id: str) -> int:
        """Return the number of audiences of a space that have a snapshot."""
        current = func.coalesce(Audience.pinned_snapshot_id, Audience.current_snapshot_id)
        query = select(func.count()).where(Audience.space_id == space_id, current.is_not(None))
        return await self._number(query)
