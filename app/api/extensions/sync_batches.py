"""Routes of what a sync sends: its batches with their attempts, and a sample of its plan."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PageDep,
    PlatformDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
    query_text,
    read_choice,
)
from app.api.extensions.parts import (
    ACTIVATION,
    CurrentActivation,
    SyncId,
    before_number,
    newest_first,
)
from app.contract.extensions import syncs as contract
from app.domain.changes import ChangeKind
from app.services import reports, syncs

router = APIRouter(route_class=ApiRoute)

_ONE = ACTIVATION + "/syncs/{syncId}"
SAMPLE = 20


@router.get(
    _ONE + "/batches",
    **described(
        "listActivationSyncBatches",
        output=contract.BatchesData,
        summary="List the batches of a sync",
        errors=(404, 422),
        parameters=(PAGINATION,),
        tag="Syncs",
    ),
)
async def list_batches(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    activation: CurrentActivation,
    sync_id: SyncId,
    page: PageDep,
) -> Response:
    """List the batches of a sync in order, each with its attempts and what the partner responded."""
    view = await syncs.get_sync(session, scene.space_id, activation.id, sync_id)
    found, total = await reports.page_batches(
        session,
        view.sync,
        after=before_number(page) or 0,
        limit=page.count + 1,
    )
    shown = newest_first(found, total, page, lambda batch: str(batch.number))
    return answer(
        contract.BatchesData(
            batches=[_batch(batch) for batch in shown.entries], pagination=pagination(shown)
        )
    )


def _batch(batch: reports.BatchView) -> contract.BatchOutput:
    return contract.BatchOutput(
        number=batch.number,
        kind=batch.kind,
        arms=list(batch.arms),
        rows=batch.rows,
        status=batch.state,
        delivered=batch.delivered,
        rejected=batch.rejected,
        skipped=batch.skipped,
        attempts=[
            contract.AttemptOutput(
                started_at=one.started_at,
                ended_at=one.ended_at,
                outcome=one.outcome,
                http_status=one.http_status,
                vendor_request_id=one.vendor_request_id,
                error=one.error,
            )
            for one in batch.attempts
        ],
    )


@router.get(
    _ONE + "/changes",
    **described(
        "sampleActivationSyncPlan",
        output=contract.PlannedChangesData,
        summary="Get a sample of the plan of a sync",
        errors=(404, 422),
        parameters=(
            query_text(
                "kind", "The kind of change.", "exited", enum=[kind.value for kind in ChangeKind]
            ),
        ),
        tag="Syncs",
    ),
)
async def sample_changes(
    request: Request,
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    activation: CurrentActivation,
    sync_id: SyncId,
) -> Response:
    """Get up to 20 changes of one kind of a plan; by default exits. Empty when the files of the sync have been deleted."""
    found = await reports.sample_plan(
        platform,
        session,
        scene.space_id,
        activation.id,
        sync_id,
        kind=read_choice(request, "kind", ChangeKind) or ChangeKind.EXITED,
        most=SAMPLE,
    )
    return answer(
        contract.PlannedChangesData(
            changes=[
                contract.PlannedChangeOutput(
                    kind=one.kind, profile_id=one.profile_id, key=one.key, key_type=one.key_type
                )
                for one in found
            ]
        )
    )
