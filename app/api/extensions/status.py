"""The route of the status of an activation."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    SessionDep,
    SpaceId,
    answer,
    described,
)
from app.api.extensions.parts import ACTIVATION, CurrentActivation
from app.contract.extensions import status as contract
from app.core import clock
from app.services import reports

router = APIRouter(route_class=ApiRoute)


@router.get(
    ACTIVATION + "/status",
    **described(
        "getActivationStatus",
        output=contract.StatusData,
        summary="Get the status of an activation",
        errors=(404, 422),
        tag="Syncs",
    ),
)
async def get_status(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    activation: CurrentActivation,
) -> Response:
    """Get the status of an activation. Its ``note`` explains why nothing was sent."""
    found = await reports.activation_status(session, activation, clock.now())
    return answer(contract.StatusData(status=_wire(found)))


def _wire(found: reports.ActivationStatus) -> contract.StatusOutput:
    activation = found.activation
    return contract.StatusOutput(
        state=activation.state,
        last_synced_at=activation.last_synced_at,
        last_error=activation.last_error,
        open_sync=_open_sync(found.open_sync) if found.open_sync else None,
        revision=found.revision,
        delivered_revision=found.delivered_revision,
        next_due_at=activation.next_due_at,
        held=activation.held,
        assumed=activation.assumed,
        note=found.note,
        audiences=[
            contract.StatusAudienceOutput(
                audience_id=one.audience_id,
                computed_by=one.computed_by,
                as_of=one.as_of,
                schedule_id=one.schedule_id,
                next_run_at=one.next_run_at,
            )
            for one in found.sources
        ],
        shared_with=[
            contract.SharerOutput(
                space_id=row.space_id,
                audience_id=row.audience_id,
                activation_id=row.activation_id,
                name=row.name,
            )
            for row in found.shared_with
        ],
    )


def _open_sync(found: reports.OpenSync) -> contract.OpenSyncOutput:
    sync, counts = found.sync, found.counts
    done = counts.delivered + counts.rejected + counts.skipped if counts else 0
    return contract.OpenSyncOutput(
        id=sync.id,
        number=sync.number,
        kind=sync.kind,
        status=sync.state,
        planned=sync.planned,
        delivered=counts.delivered if counts else 0,
        rejected=counts.rejected if counts else 0,
        skipped=counts.skipped if counts else 0,
        pending=max(sync.planned - done, 0),
        batches=sync.batches,
        batches_settled=counts.settled if counts else 0,
        changes_per_minute=found.per_minute,
        seconds_left=found.seconds_left,
        opened_at=sync.opened_at,
    )
