"""The audiences of an activation, with who computes each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.computing import ComputedBy, computed_by
from app.domain.frequency import Frequency
from app.domain.options import frequency_of
from app.services.audiences.definitions import run_in
from app.services.audiences.schedules import schedules_by_audience
from app.services.datasets import UPLOAD
from app.snapshots.definitions import tables_of
from app.storage.models import Activation, Audience, AudienceSchedule
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.datasets import DatasetRepository


@dataclass(frozen=True, slots=True)
class ComputedSource:
    """An audience of an activation, who computes it, and its schedules, oldest first."""

    audience: Audience
    computed_by: ComputedBy
    schedules: Sequence[AudienceSchedule]


async def computed_sources(
    session: AsyncSession, activation: Activation
) -> Sequence[ComputedSource]:
    """Return the audiences whose union an activation sends, in their order."""
    space_id, frequency = activation.space_id, frequency_of(activation.options)
    audiences = await AudienceRepository(session).sources_of(space_id, activation.id)
    schedules = await schedules_by_audience(session, space_id, [one.id for one in audiences])
    return [_source(one, schedules[one.id], frequency) for one in audiences]


async def computed_first(session: AsyncSession, activation: Activation) -> Sequence[Audience]:
    """Return the audiences that an activation computes each time before it opens a sync by the clock."""
    sources = await computed_sources(session, activation)
    return [one.audience for one in sources if one.computed_by is ComputedBy.ACTIVATION]


async def is_uploaded_list(session: AsyncSession, audience: Audience) -> bool:
    """Return whether the members are a list that was uploaded: as members, or as the only dataset that the definition reads."""
    if not audience.query:
        return True
    if run_in(audience.query) is not None:
        return False
    used = await asyncio.to_thread(tables_of, audience.query)
    known = await DatasetRepository(session).readable(audience.space_id)
    kinds = [one.kind for one in known if one.name.lower() in used]
    return kinds == [UPLOAD]


def _source(
    audience: Audience, schedules: Sequence[AudienceSchedule], frequency: Frequency
) -> ComputedSource:
    by = computed_by(
        frequency,
        query=audience.query,
        enabled=audience.enabled,
        pinned=audience.pinned_snapshot_id is not None,
        has_schedule=bool(schedules),
    )
    return ComputedSource(audience, by, schedules)
