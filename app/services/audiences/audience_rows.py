"""The list of audiences as people read it: each with the age of its members, its schedules, and how many activations use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import Page, PageRequest
from app.domain.schedules import in_words
from app.services.audiences.audiences import page_audiences
from app.services.audiences.schedules import schedules_by_audience
from app.storage.models import AudienceSchedule
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceView, Search
from app.storage.repositories.snapshots import SnapshotRepository


@dataclass(frozen=True, slots=True)
class AudienceRow:
    """An audience in the list. ``as_of`` is the time of the snapshot that activations read; None before the first one."""

    view: AudienceView
    as_of: datetime | None
    schedules: Sequence[AudienceSchedule]
    activations: int

    @property
    def schedule_words(self) -> Sequence[str]:
        """The schedules in words."""
        return [in_words(schedule.config or {}) for schedule in self.schedules]


async def page_audience_rows(
    session: AsyncSession, space_id: str, search: Search | None, request: PageRequest
) -> Page[AudienceRow]:
    """Return a page of the audiences of a space, oldest first."""
    found = await page_audiences(session, space_id, search, request)
    ids = [view.audience.id for view in found.entries]
    shown = [view.audience.snapshot_id for view in found.entries if view.audience.snapshot_id]
    moments = await SnapshotRepository(session).moments(space_id, shown)
    schedules = await schedules_by_audience(session, space_id, ids)
    activations = await ActivationRepository(session).count_reading(space_id, ids)
    return found.map(
        lambda view: AudienceRow(
            view,
            as_of=moments.get(view.audience.snapshot_id or ""),
            schedules=schedules[view.audience.id],
            activations=activations.get(view.audience.id, 0),
        )
    )
