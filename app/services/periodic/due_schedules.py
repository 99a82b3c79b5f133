"""Due schedules: runs of audiences and syncs of activations, each opened once, by the first worker that claims it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.logging import get_logger
from app.domain import frequency as frequencies
from app.domain.activation_states import ActivationState
from app.domain.options import frequency_of
from app.domain.schedules import next_due
from app.domain.sync_states import SyncState
from app.services.audiences import open_run
from app.services.syncs import all_have_snapshots, is_outdated, open_sync
from app.storage.models import Activation, AudienceSchedule
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.runs import RunRepository
from app.storage.repositories.schedules import ScheduleRepository
from app.storage.repositories.syncs import SyncRepository

log = get_logger(__name__)

ACTOR = "schedule"
LIMIT = 100
LATER = timedelta(minutes=1)  # until the next try to open a due sync
AFTER_A_FAULT = timedelta(hours=1)


async def open_due_schedules(session: AsyncSession, now: datetime | None = None) -> int:
    """Open runs and syncs that are due, and set their next due times. Returns the number opened.

    Several missed times are opened once. Rows are claimed with SKIP LOCKED, and the next time is written in the same
    transaction, so many workers open each due time once. ``now`` (aware) is the database's clock unless given. It is
    read once: between two readings, a schedule could come due, be opened, and be due at that moment again.
    """
    if now is None:
        now = await RunRepository(session).database_now()
    opened = await _open_runs(session, now) + await _open_syncs(session, now)
    await session.flush()
    return opened


async def _open_runs(session: AsyncSession, now: datetime) -> int:
    opened = 0
    for schedule in await ScheduleRepository(session).take_due(now, LIMIT):
        schedule_id = schedule.id
        try:
            async with session.begin_nested():
                opened += await _fire_schedule(session, schedule, now)
        except Exception:
            # A schedule that cannot be read must not delay the others.
            log.exception("schedule_failed", schedule_id=schedule_id)
            schedule.next_due_at = now + AFTER_A_FAULT
    return opened


async def _open_syncs(session: AsyncSession, now: datetime) -> int:
    opened = 0
    for activation in await ActivationRepository(session).take_due(now, LIMIT):
        activation_id = activation.id
        try:
            async with session.begin_nested():
                opened += await _fire_activation(session, activation, now)
        except Exception:
            log.exception("frequency_failed", activation_id=activation_id)
            activation.next_due_at = now + AFTER_A_FAULT
    return opened


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
    # A sync that is scheduled once is tried again if it cannot be opened now.
    activation.next_due_at = now + LATER if once else following
    if not activation.enabled or activation.state != ActivationState.ACTIVE:
        return 0
    if not await all_have_snapshots(session, activation):
        return 0
    if await _waits_for_approval(session, activation):
        return 0
    sync = await open_sync(session, activation, trigger="schedule", actor=ACTOR)
    # While a sync is running, the due one waits for its end.
    activation.next_due_at = following if sync is not None else now + LATER
    return int(sync is not None)


async def _waits_for_approval(session: AsyncSession, activation: Activation) -> bool:
    """Whether a sync on hold already has the plan that a new one would have."""
    sync = await SyncRepository(session).open_of(activation.space_id, activation.id)
    if sync is None or sync.state != SyncState.HELD:
        return False
    return not await is_outdated(session, activation, sync)
