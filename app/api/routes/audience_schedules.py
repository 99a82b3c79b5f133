"""Routes of the schedules of audiences."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from app.api.edge import (
    STABLE_AND_ALPHA,
    ApiRoute,
    CurrentSpace,
    OneAudienceId,
    SessionDep,
    SpaceId,
    answer,
    described,
    path_id,
)
from app.api.routes import examples
from app.contract import audience_schedules as contract
from app.core import clock
from app.core.clock import to_wire
from app.services import audiences

router = APIRouter(route_class=ApiRoute)

ALL = "/spaces/{spaceId}/audiences/{id}/schedules"
ONE = ALL + "/{scheduleId}"
ScheduleId = Annotated[str, path_id("scheduleId", "the schedule", "sch_0vK3mT4YbL6fQ3zV7oHrXe")]


@router.get(
    ALL,
    **described(
        "listAudienceSchedulesFromSpaceAndAudience",
        output=contract.ListAudienceSchedulesFromSpaceAndAudienceOutput,
        summary="List the schedules of an audience",
        errors=(404, 422),
        versions=STABLE_AND_ALPHA,
        view="segment",
        tag="Audiences",
    ),
)
async def list_schedules(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, audience_id: OneAudienceId
) -> Response:
    """List all schedules of an audience, oldest first."""
    found = await audiences.list_schedules(session, space_id, audience_id)
    return answer({"audienceSchedules": [schedule_to_wire(schedule) for schedule in found]})


@router.post(
    ALL,
    **described(
        "addAudienceScheduleToAudience",
        output=contract.AddAudienceScheduleToAudienceOutput,
        summary="Add a schedule to an audience",
        errors=(404, 409, 422),
        has_body=True,
        versions=STABLE_AND_ALPHA,
        view="segment",
        request_examples=examples.SCHEDULE,
        tag="Audiences",
    ),
)
async def add_schedule(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: OneAudienceId,
    body: contract.AddAudienceScheduleToAudienceInput,
) -> Response:
    """Add a schedule to an audience of any type. Its members must be computed, not supplied."""
    schedule = await audiences.add_schedule(
        session,
        space_id=space_id,
        audience_id=audience_id,
        strategy=body.strategy,
        config=body.config,
        actor=scene.actor,
        now=clock.now(),
    )
    return answer({"audienceSchedule": schedule_to_wire(schedule)})


@router.get(
    ONE,
    **described(
        "getAudienceScheduleFromSpaceAndAudience",
        output=contract.GetAudienceScheduleFromSpaceAndAudienceOutput,
        summary="Get a schedule of an audience",
        errors=(404, 422),
        versions=STABLE_AND_ALPHA,
        view="segment",
        tag="Audiences",
    ),
)
async def get_schedule(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: OneAudienceId,
    schedule_id: ScheduleId,
) -> Response:
    """Get a schedule."""
    schedule = await audiences.get_schedule(session, space_id, audience_id, schedule_id)
    return answer({"audienceSchedule": schedule_to_wire(schedule)})


@router.patch(
    ONE,
    **described(
        "updateAudienceScheduleForAudience",
        output=contract.UpdateAudienceScheduleForAudienceOutput,
        summary="Update a schedule of an audience",
        errors=(404, 422),
        has_body=True,
        versions=STABLE_AND_ALPHA,
        view="segment",
        request_examples=examples.SCHEDULE,
        tag="Audiences",
    ),
)
async def update_schedule(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: OneAudienceId,
    schedule_id: ScheduleId,
    body: contract.UpdateAudienceScheduleForAudienceInput,
) -> Response:
    """Replace the strategy and configuration of a schedule."""
    schedule = await audiences.update_schedule(
        session,
        space_id=space_id,
        audience_id=audience_id,
        schedule_id=schedule_id,
        strategy=body.strategy,
        config=body.config,
        actor=scene.actor,
        now=clock.now(),
    )
    return answer({"audienceSchedule": schedule_to_wire(schedule)})


@router.delete(
    ONE,
    **described(
        "removeAudienceScheduleFromAudience",
        output=contract.RemoveAudienceScheduleFromAudienceOutput,
        summary="Remove a schedule from an audience",
        errors=(404, 422),
        versions=STABLE_AND_ALPHA,
        view="segment",
        tag="Audiences",
    ),
)
async def remove_schedule(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: OneAudienceId,
    schedule_id: ScheduleId,
) -> Response:
    """Remove a schedule. Its open runs continue."""
    await audiences.remove_schedule(session, space_id, audience_id, schedule_id, actor=scene.actor)
    return answer({"status": "SUCCESS"})


def schedule_to_wire(schedule: Any) -> dict[str, Any]:
    """Return the properties of ``AudienceSchedule``."""
    fields: dict[str, Any] = {"id": schedule.id, **audiences.schedule_fields(schedule)}
    if schedule.next_due_at is not None:
        fields["nextExecution"] = to_wire(schedule.next_due_at)
    return fields
