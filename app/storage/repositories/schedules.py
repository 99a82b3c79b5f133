"""Queries of audience schedules. The space and the audience are the first arguments."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import AudienceSchedule


class ScheduleRepository:
    """The schedules of an audience."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(
        self, space_id: str, audience_id: str, schedule_id: str, *, lock: bool = False
    ) -> AudienceSchedule | None:
        """One schedule, locked for an update where asked."""
        query = select(AudienceSchedule).where(
            AudienceSchedule.space_id == space_id,
            AudienceSchedule.audience_id == audience_id,
            AudienceSchedule.id == schedule_id,
        )
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return (await self._session.scalars(query)).first()

    async def of_audiences(
        self, space_id: str, audience_ids: Sequence[str]
    ) -> Sequence[AudienceSchedule]:
        """All schedules of some audiences, in the order of making."""
        query = (
            select(AudienceSchedule)
            .where(
                AudienceSchedule.space_id == space_id,
                AudienceSchedule.audience_id.in_(audience_ids),
            )
            .order_by(AudienceSchedule.id)
        )
        return (await self._session.scalars(query)).all()

    def add(self, schedule: AudienceSchedule) -> None:
        """A new schedule."""
        self._session.add(schedule)

    async def remove(self, schedule: AudienceSchedule) -> None:
        """Remove one."""
        await self._session.delete(schedule)
        await self._session.flush()
