"""The route of the summary of a space."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import ApiRoute, CurrentSpace, SessionDep, SpaceId, answer, described
from app.contract.extensions import summary as contract
from app.core.version import VERSION
from app.services import reports

router = APIRouter(route_class=ApiRoute)


@router.get(
    "/spaces/{spaceId}/summary",
    **described(
        "getSpaceSummary",
        output=contract.SummaryData,
        summary="Get what needs attention in a space",
        errors=(404, 422),
        tag="Syncs",
    ),
)
async def get_summary(session: SessionDep, scene: CurrentSpace, space_id: SpaceId) -> Response:
    """Get what needs attention, what was delivered in the last 24 hours, and what is due next."""
    found = await reports.space_summary(session, scene.space_id)
    return answer(contract.SummaryData(summary=_wire(found)))


def _wire(found: reports.SpaceSummary) -> contract.SummaryOutput:
    return contract.SummaryOutput(
        on_hold=[_held(row) for row in found.on_hold],
        in_error=[_in_error(row) for row in found.in_error],
        failed_runs=[
            contract.FailedRunOutput(
                audience_id=row.run.audience_id,
                name=row.audience_name,
                run_id=row.run.id,
                message=str((row.run.error or {}).get("message", "")),
                finished_at=row.run.finished_at,
            )
            for row in found.failed_runs
        ],
        paused_accounts=[
            contract.PausedAccountOutput(
                destination_id=row.id, name=row.name, open_until=row.open_until
            )
            for row in found.paused_accounts
        ],
        late=[
            contract.LateAudienceOutput(audience_id=row.id, name=row.name, since=row.since)
            for row in found.late
        ],
        next_due=[
            contract.NextDueOutput(
                activation_id=row.activation_id,
                audience_id=row.audience_id,
                name=row.name,
                due_at=row.due_at,
            )
            for row in found.next_due
        ],
        finished=[
            contract.FinishedOutput(
                activation_id=row.activation_id,
                audience_id=row.audience_id,
                name=row.name,
                finished_at=row.finished_at,
                delivered=row.delivered,
                rejected=row.rejected,
                left_out=row.members_left_out,
            )
            for row in found.finished
        ],
        activations=contract.ActivityOutput(**found.activations),
        workers=found.workers,
        delivered=found.delivered,
        rejected=found.rejected,
        version=VERSION,
    )


def _held(row: reports.HeldSync) -> contract.HeldSyncOutput:
    return contract.HeldSyncOutput(
        sync_id=row.sync.id,
        number=row.sync.number,
        activation_id=row.sync.activation_id,
        activation_name=row.activation_name,
        audience_id=row.audience_id,
        hold_reason=row.sync.hold_reason,
        exited=row.sync.exited,
    )


def _in_error(row: reports.Overview) -> contract.ErrorOutput:
    return contract.ErrorOutput(
        activation_id=row.activation.id,
        audience_id=row.activation.audience_id,
        name=row.activation.name,
        message=str((row.activation.last_error or {}).get("message", "")),
    )
