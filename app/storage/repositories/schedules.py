"""Schedules of audiences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from app.storage.models import AudienceSchedule
from app.storage.repositories.base import Repository


class ScheduleRepository(Repository[AudienceSchedule]):
    """Table ``audience_schedule``."""

    model = AudienceSchedule
    noun = "schedule"
    key = (AudienceSchedule.space_id, AudienceSchedule.audience_id, AudienceSchedule.id)
    parent = (AudienceSchedule.space_id, AudienceSchedule.audience_id)

    async def of_audiences(
        self, space_id: str, audience_ids: Sequence[str]
    ) -> Sequence[AudienceSchedule]:
        """Read all schedules of some audiences, oldest first."""
        query = (
            select(AudienceSchedule)
            .where(
                AudienceSchedule.space_id == space_id,
                AudienceSchedule.audience_id.in_(audience_ids),
            )
            .order_by(AudienceSchedule.id)
        )
        return await self._all(query)

    async def take_due(self, now: datetime, limit: int) -> Sequence[AudienceSchedule]:
        """Lock schedules that are due at ``now``. Rows that another worker has locked are left out."""
        query = (
            select(AudienceSchedule)
            .where(AudienceSchedule.next_due_at <= now)
            .order_by(AudienceSchedule.next_due_at)
            .limit(limit)
        )
        return await self._all(query, "update", skip_locked=True)
