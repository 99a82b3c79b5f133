"""Due schedules: runs of audiences and syncs of activations, each opened once, by the first worker that claims it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain import frequency as frequencies
from app.domain.options import frequency_of
from app.domain.schedules import next_due
from app.services.audiences import computed_first, open_run
from app.services.periodic.awaited_runs import open_awaited, open_clocked
from app.services.periodic.due_rows import AFTER_A_FAULT, open_each
from app.services.syncs import is_at_work
from app.storage.models import Activation, AudienceSchedule
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.schedules import ScheduleRepository

ACTOR = "schedule"
LIMIT = 100
LATER = timedelta(minutes=1)  # until the next try to open a due sync
SHARED = timedelta(
    minutes=10
)  # how late a due time still counts: a run since then is not computed again


async def open_due_schedules(session: AsyncSession, now: datetime | None = None) -> int:
    """Open runs and syncs that are due, and set their next due times. Returns the number opened.

    An activation whose audiences are computed first waits for their runs (``awaited_runs``).

    Several missed times are opened once. Rows are claimed with SKIP LOCKED, and the next time is written in the same
    transaction, so many workers open each due time once. ``now`` (aware) is the database's clock unless given. It is
    read once: between two readings, a schedule could come due, be opened, and be due at that moment again.
    """
    if now is None:
        now = await RunRepository(session).database_now()
    opened = await _open_runs(session, now) + await _open_syncs(session, now)
    await session.flush()
    return opened + await open_awaited(session, now)


async def _open_runs(session: AsyncSession, now: datetime) -> int:
    due = await ScheduleRepository(session).take_due(now, LIMIT)
    return await open_each(
        session,
        {schedule.id: schedule for schedule in due},
        lambda schedule: _fire_schedule(session, schedule, now),
        fault="schedule_failed",
        put_off=lambda schedule: _put_off(schedule, now),
    )


async def _open_syncs(session: AsyncSession, now: datetime) -> int:
    due = await ActivationRepository(session).take_due(now, LIMIT)
    return await open_each(
        session,
        {activation.id: activation for activation in due},
        lambda activation: _fire_activation(session, activation, now),
        fault="frequency_failed",
        put_off=lambda activation: _put_off(activation, now),
    )


def _put_off(row: AudienceSchedule | Activation, now: datetime) -> None:
    row.next_due_at = now + AFTER_A_FAULT


async def _fire_schedule(session: AsyncSession, schedule: AudienceSchedule, now: datetime) -> int:
    config: Mapping[str, Any] = schedule.config or {}
    schedule.next_due_at = next_due(config, now)
    audience = await AudienceRepository(session).get(schedule.space_id, schedule.audience_id)
    if audience is None or not audience.enabled or not audience.query:
        return 0
    await open_run(
        session,
        space_id=schedule.space_id,
        audience=audience,
        kind="definition",
        trigger="schedule",
        actor=ACTOR,
        now=now,
    )
    return 1


async def _fire_activation(session: AsyncSession, activation: Activation, now: datetime) -> int:
    frequency = frequency_of(activation.options)
    once = frequency.type == "once"
    following = None if once else frequencies.next_due(frequency, now)
    due = activation.next_due_at or now
    # A sync that is scheduled once is tried again if it cannot be opened now.
    activation.next_due_at = now + LATER if once else following
    if not is_at_work(activation):
        return 0
    if await computed_first(session, activation):
        # Times that come while it waits are opened once.
        activation.awaits_since = activation.awaits_since or max(due, now - SHARED)
        activation.next_due_at = following
        return 0
    opened = await open_clocked(session, activation)
    if opened is None:
        return 0
    # While a sync is running, the due one waits for its end.
    activation.next_due_at = following if opened else now + LATER
    return int(opened)
