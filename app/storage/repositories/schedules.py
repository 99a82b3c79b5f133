"""Queries of audience schedules, and of what is due by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import Activation, AudienceSchedule


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

    async def take_due(self, now: datetime, limit: int) -> Sequence[AudienceSchedule]:
        """Schedules whose time has come by ``now``, locked; those that somebody else is firing are passed over."""
        query = (
            select(AudienceSchedule)
            .where(AudienceSchedule.next_due_at <= now)
            .order_by(AudienceSchedule.next_due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self._session.scalars(query)).all()

    async def take_due_activations(self, now: datetime, limit: int) -> Sequence[Activation]:
        """Activations whose own time has come, locked likewise."""
        query = (
            select(Activation)
            .where(Activation.next_due_at <= now, Activation.deleted_at.is_(None))
            .order_by(Activation.next_due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return (await self._session.scalars(query)).all()

    def add(self, schedule: AudienceSchedule) -> None:
        """A new schedule."""
        self._session.add(schedule)

    async def remove(self, schedule: AudienceSchedule) -> None:
        """Remove one."""
        await self._session.delete(schedule)
        await self._session.flush()
