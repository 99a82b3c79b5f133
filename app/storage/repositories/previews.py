"""Queries of previews. The space is the first argument."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import DateTime, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.preview_states import PreviewState
from app.storage.models import AudiencePreview

_database_now = func.clock_timestamp(type_=DateTime(timezone=True))
_is_free = or_(AudiencePreview.lease_until.is_(None), AudiencePreview.lease_until < _database_now)


class PreviewRepository:
    """The previews of a space."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, preview: AudiencePreview) -> None:
        """A new preview."""
        self._session.add(preview)

    async def get(self, space_id: str, preview_id: str) -> AudiencePreview | None:
        """One preview."""
        return await self._session.get(AudiencePreview, (space_id, preview_id))

    async def claim(
        self, space_id: str, preview_id: str, lease: timedelta
    ) -> AudiencePreview | None:
        """Take a preview that waits, or whose worker was lost; None where it is not to be had."""
        claimed = await self._session.scalars(
            update(AudiencePreview)
            .where(
                AudiencePreview.space_id == space_id,
                AudiencePreview.id == preview_id,
                AudiencePreview.status == PreviewState.RUNNING,
                _is_free,
            )
            .values(attempts=AudiencePreview.attempts + 1, lease_until=_database_now + lease)
            .returning(AudiencePreview)
        )
        return claimed.first()

    async def finish(self, space_id: str, preview_id: str, attempt: int, **outcome: object) -> bool:
        """Write what came of it, unless another attempt has taken over."""
        written = await self._session.scalar(
            update(AudiencePreview)
            .where(
                AudiencePreview.space_id == space_id,
                AudiencePreview.id == preview_id,
                AudiencePreview.status == PreviewState.RUNNING,
                AudiencePreview.attempts == attempt,
            )
            .values(lease_until=None, **outcome)
            .returning(AudiencePreview.id)
        )
        return written is not None

    async def due(self, limit: int) -> Sequence[tuple[str, str, int]]:
        """Previews of all spaces that nobody works on: space, id, attempts."""
        rows = await self._session.execute(
            select(AudiencePreview.space_id, AudiencePreview.id, AudiencePreview.attempts)
            .where(AudiencePreview.status == PreviewState.RUNNING, _is_free)
            .order_by(AudiencePreview.created_at)
            .limit(limit)
        )
        return [(row[0], row[1], row[2]) for row in rows]

    async def forget_before(self, moment: datetime) -> int:
        """Remove those of all spaces that are older; how many they were."""
        forgotten = await self._session.scalars(
            delete(AudiencePreview)
            .where(AudiencePreview.created_at < moment)
            .returning(AudiencePreview.id)
        )
        return len(forgotten.all())
