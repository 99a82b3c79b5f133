"""Schedules that are due: runs of audiences and syncs of activations, each opened once, by whoever comes first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.domain import frequency as frequencies
from app.domain.options import frequency_of
from app.domain.schedules import next_due
from app.services import runs, syncs
from app.storage.models import Activation
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.schedules import ScheduleRepository

log = get_logger(__name__)

ACTOR = "schedule"
LIMIT = 100


async def fire_due(session: AsyncSession) -> int:
    """Open what is due and say when it is due again; missed times are made good once. The number opened.

    Rows are claimed with SKIP LOCKED, and the next time is written in the same transaction: many workers open each
    due time once.
    """
    repository = ScheduleRepository(session)
    now = await RunRepository(session).database_now()
    opened = 0
    for schedule in await repository.take_due(LIMIT):
        config: Mapping[str, Any] = schedule.config or {}
        audience = await RunRepository(session).audience(schedule.space_id, schedule.audience_id)
        schedule.next_due_at = next_due(config, now)
        if audience is not None and audience.enabled and audience.query:
            await runs.open_run(
                session,
                space_id=schedule.space_id,
                audience=audience,
                kind="definition",
                trigger="schedule",
                actor=ACTOR,
                now=now,
            )
            opened += 1
    for activation in await repository.take_due_activations(LIMIT):
        opened += await _fire_activation(session, activation, now)
    await session.flush()
    return opened


async def _fire_activation(session: AsyncSession, activation: Activation, now: datetime) -> int:
    frequency = frequency_of(activation.options)
    following = None if frequency.type == "once" else frequencies.next_due(frequency, now)
    activation.next_due_at = following
    if not activation.enabled or activation.state != "active":
        return 0
    if not await syncs.all_have_snapshots(session, activation):
        return 0
    sync = await syncs.open_sync(session, activation, trigger="schedule", actor=ACTOR)
    return int(sync is not None)
