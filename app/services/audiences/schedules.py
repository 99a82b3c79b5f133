"""Schedules of audiences: the times at which they are computed automatically."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.domain.schedules import next_due, normal, problems_of
from app.services.tenancy import record_change
from app.storage.models import Audience, AudienceSchedule
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.schedules import ScheduleRepository

_MOST = 20  # schedules of one audience


async def add_schedule(
    session: AsyncSession,
    *,
    space_id: str,
    audience_id: str,
    strategy: str,
    config: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> AudienceSchedule:
    """Add a schedule.

    Raises Invalid if it is not valid, and Conflict if the members are supplied or there are too many schedules.
    """
    audience = await _audience(session, space_id, audience_id)
    await _require_room(session, audience)
    schedule = AudienceSchedule(
        space_id=space_id, id=new_id("sch"), audience_id=audience_id, created_at=now
    )
    _configure(schedule, strategy, config, now)
    ScheduleRepository(session).add(schedule)
    await session.flush()
    after = _fields(schedule)
    await record_change(
        session, "audience", audience, "Audience Schedule Created", actor, after=after
    )
    return schedule


async def list_schedules(
    session: AsyncSession, space_id: str, audience_id: str
) -> Sequence[AudienceSchedule]:
    """Return all schedules of an audience, oldest first. Raises NotFound."""
    await AudienceRepository(session).require(space_id, audience_id)
    return await ScheduleRepository(session).of_audiences(space_id, [audience_id])


async def schedules_by_audience(
    session: AsyncSession, space_id: str, audience_ids: Sequence[str]
) -> dict[str, list[AudienceSchedule]]:
    """Return the schedules by id of the audience."""
    schedules: dict[str, list[AudienceSchedule]] = {audience_id: [] for audience_id in audience_ids}
    for schedule in await ScheduleRepository(session).of_audiences(space_id, audience_ids):
        schedules[schedule.audience_id].append(schedule)
    return schedules


async def get_schedule(
    session: AsyncSession, space_id: str, audience_id: str, schedule_id: str
) -> AudienceSchedule:
    """Read a schedule of an audience. Raises NotFound."""
    return await ScheduleRepository(session).require(space_id, audience_id, schedule_id)


async def update_schedule(
    session: AsyncSession,
    *,
    space_id: str,
    audience_id: str,
    schedule_id: str,
    strategy: str,
    config: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> AudienceSchedule:
    """Replace the strategy and configuration of a schedule. Raises Invalid if they are not valid, and NotFound."""
    audience = await _audience(session, space_id, audience_id)
    schedule = await ScheduleRepository(session).require(
        space_id, audience_id, schedule_id, lock="update"
    )
    before = _fields(schedule)
    _configure(schedule, strategy, config, now)
    await session.flush()
    event, after = "Audience Schedule Modified", _fields(schedule)
    await record_change(session, "audience", audience, event, actor, before=before, after=after)
    return schedule


async def remove_schedule(
    session: AsyncSession, space_id: str, audience_id: str, schedule_id: str, *, actor: str
) -> None:
    """Remove a schedule. Raises NotFound."""
    audience = await _audience(session, space_id, audience_id)
    repository = ScheduleRepository(session)
    schedule = await repository.require(space_id, audience_id, schedule_id, lock="update")
    await repository.delete(schedule)
    event, before = "Audience Schedule Deleted", _fields(schedule)
    await record_change(session, "audience", audience, event, actor, before=before)


def schedule_fields(schedule: AudienceSchedule) -> dict[str, Any]:
    """Return the properties of a schedule that a user sets: ``{strategy, config}``."""
    return {"strategy": schedule.strategy, "config": schedule.config}


def _fields(schedule: AudienceSchedule) -> dict[str, Any]:
    """Return what the audit trail compares: ``schedules`` as an audience has them, by id."""
    return {"schedules": {schedule.id: schedule_fields(schedule)}}


async def _require_room(session: AsyncSession, audience: Audience) -> None:
    """Raise Conflict if an audience can have no further schedule."""
    if not audience.query:
        raise Conflict(
            "The audience has no definition: its members are supplied, not computed. Give it a definition first."
        )
    schedules = await ScheduleRepository(session).of_audiences(audience.space_id, [audience.id])
    if len(schedules) >= _MOST:
        raise Conflict(f"an audience has at most {_MOST} schedules")


def _configure(
    schedule: AudienceSchedule, strategy: str, config: Mapping[str, Any], now: datetime
) -> None:
    """Set the strategy and configuration of a schedule. Raises Invalid if they are not valid."""
    stored = _checked(strategy, config)
    schedule.strategy, schedule.config = strategy, stored
    schedule.next_due_at = next_due(stored, now)
    schedule.updated_at = now


def _checked(strategy: str, config: Mapping[str, Any]) -> dict[str, Any]:
    problems = problems_of(strategy, config)
    if problems:
        raise Invalid("invalid schedule", problems=problems)
    return normal(strategy, config)


async def _audience(session: AsyncSession, space_id: str, audience_id: str) -> Audience:
    return await AudienceRepository(session).require(space_id, audience_id, lock="keep")
