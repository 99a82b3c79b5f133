"""Routes of the syncs of an activation."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PageDep,
    PlatformDep,
    Scene,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
)
from app.api.extensions.parts import ACTIVATION, ProfileId, SyncId, before, newest_first
from app.contract.extensions import syncs as contract
from app.core import clock
from app.services import activations, reports, syncs

router = APIRouter(route_class=ApiRoute)

TAG = "Syncs"
_ONE = ACTIVATION + "/syncs/{syncId}"


def sync_wire(view: Any) -> contract.SyncOutput:
    """Convert a sync to the model of the response. While it is in progress, the counts are those of its batches."""
    sync, counts = view.sync, view.counts
    under_way = sync.finished_at is None and counts is not None
    done = counts if under_way else sync
    planned = sync.planned
    return contract.SyncOutput(
        id=sync.id,
        activation_id=sync.activation_id,
        number=sync.number,
        kind=sync.kind,
        trigger=sync.trigger,
        status=sync.state,
        revision=sync.revision_id,
        wanted=sync.wanted,
        entered=sync.entered,
        exited=sync.exited,
        updated=sync.updated,
        planned=planned,
        delivered=done.delivered,
        rejected=done.rejected,
        skipped=done.skipped,
        pending=planned - done.delivered - done.rejected - done.skipped,
        left_out=sync.left_out,
        batches=sync.batches,
        snapshots=[
            contract.SyncSourceOutput(audience_id=audience, snapshot_id=snapshot)
            for audience, snapshot in view.snapshots.items()
        ],
        hold_reason=sync.hold_reason,
        approved_by=sync.approved_by,
        error=sync.error,
        report=sync.report,
        opened_at=sync.opened_at,
        planned_at=sync.planned_at,
        started_at=sync.started_at,
        finished_at=sync.finished_at,
    )


async def _shown(session: SessionDep, scene: Scene, activation_id: str, sync_id: str) -> Response:
    view = await syncs.get_sync(session, scene.space_id, activation_id, sync_id)
    return answer(contract.SyncData(sync=sync_wire(view)))


@router.get(
    ACTIVATION + "/status",
    **described(
        "getActivationStatus",
        output=contract.StatusData,
        summary="Get the status of an activation",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def get_status(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, audience_id: AudienceId, id: Id
) -> Response:
    """Get the status of an activation. Its ``note`` explains why nothing was sent."""
    activation = await activations.require_activation(session, scene.space_id, audience_id, id)
    return answer({"status": await reports.activation_status(session, activation, clock.now())})


@router.get(
    ACTIVATION + "/syncs",
    **described(
        "listActivationSyncs",
        output=contract.SyncsData,
        summary="List syncs",
        errors=(404, 422),
        parameters=(PAGINATION,),
        tag=TAG,
    ),
)
async def list_syncs(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    page: PageDep,
) -> Response:
    """List the syncs of an activation, newest first, including dry runs."""
    await activations.require_activation(session, scene.space_id, audience_id, id)
    found, total = await syncs.list_syncs(
        session, scene.space_id, id, before=before(page), limit=page.count + 1
    )
    shown = newest_first(found, total, page, lambda view: view.sync.id)
    return answer(
        contract.SyncsData(
            syncs=[sync_wire(view) for view in shown.entries], pagination=pagination(shown)
        )
    )


@router.post(
    ACTIVATION + "/syncs",
    **described(
        "startActivationSync",
        output=contract.SyncData,
        summary="Start a sync, a resync or a dry run",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={"now": {}, "what would you do": {"kind": "resync", "dryRun": True}},
        tag=TAG,
    ),
)
async def start_sync(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    body: contract.SyncInput | None = None,
) -> Response:
    """Start a sync. Returns the new sync, or the open sync that already does the work."""
    wanted = body or contract.SyncInput()
    activation = await activations.require_activation(session, scene.space_id, audience_id, id)
    sync = await syncs.start_sync(
        session,
        activation,
        kind=wanted.kind,
        dry_run=wanted.dry_run,
        actor=scene.actor,
        now=clock.now(),
    )
    return await _shown(session, scene, id, sync.id)


@router.get(
    _ONE,
    **described(
        "getActivationSync",
        output=contract.SyncData,
        summary="Get a sync",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def get_sync(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    sync_id: SyncId,
) -> Response:
    """Get a sync, with its progress while it runs, and with the report of a dry run."""
    await activations.require_activation(session, scene.space_id, audience_id, id)
    return await _shown(session, scene, id, sync_id)


@router.post(
    _ONE + "/approve",
    **described(
        "approveActivationSync",
        output=contract.SyncData,
        summary="Approve a sync that is on hold",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def approve_sync(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    sync_id: SyncId,
) -> Response:
    """Approve the plan of a sync that is on hold. Returns 409 if the sync is not on hold or was superseded."""
    await activations.require_activation(session, scene.space_id, audience_id, id)
    await syncs.approve_sync(
        session, scene.space_id, id, sync_id, actor=scene.actor, now=clock.now()
    )
    return await _shown(session, scene, id, sync_id)


@router.post(
    _ONE + "/cancel",
    **described(
        "cancelActivationSync",
        output=contract.SyncData,
        summary="Cancel a sync, or reject a sync that is on hold",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def cancel_sync(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    sync_id: SyncId,
) -> Response:
    """Cancel a sync. Changes that were sent are kept at the destination and in the holdings."""
    await activations.require_activation(session, scene.space_id, audience_id, id)
    await syncs.cancel_sync(
        session, scene.space_id, id, sync_id, actor=scene.actor, now=clock.now()
    )
    return await _shown(session, scene, id, sync_id)


@router.post(
    _ONE + "/retry",
    **described(
        "retryActivationSync",
        output=contract.SyncData,
        summary="Retry rejected changes",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def retry_sync(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    sync_id: SyncId,
) -> Response:
    """Retry the rejected changes of a sync. Returns the new sync."""
    await activations.require_activation(session, scene.space_id, audience_id, id)
    sync = await syncs.retry_sync(
        session, scene.space_id, id, sync_id, actor=scene.actor, now=clock.now()
    )
    return await _shown(session, scene, id, sync.id)


@router.get(
    _ONE + "/rejections",
    **described(
        "listActivationSyncRejections",
        output=contract.RejectionsData,
        summary="List rejections",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def list_rejections(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    sync_id: SyncId,
) -> Response:
    """List why changes were rejected: counts by reason, and up to 100 samples."""
    await activations.require_activation(session, scene.space_id, audience_id, id)
    found = await syncs.sync_rejections(session, scene.space_id, id, sync_id)
    return answer(
        contract.RejectionsData(
            rejections=contract.RejectionsOutput(counts=found["counts"], samples=found["samples"])
        )
    )


@router.get(
    ACTIVATION + "/profiles/{profileId}",
    **described(
        "explainActivationProfile",
        output=contract.ExplanationData,
        summary="Explain what was sent for a profile",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def explain_profile(
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    profile_id: ProfileId,
) -> Response:
    """Explain a profile: its memberships, identifiers, arm and batch, and the partner's response.

    The history covers the newest 20 snapshots of each audience and 200 syncs, and ends after 512 MiB from the object
    store or 20 s. `historyStoppedAt` is the newest entry that was not searched, or null: of the profile a sync (`syncId`,
    `syncNumber`, `plannedAt`), of each membership a snapshot (`snapshotId`, `asOf`).
    """
    found = await reports.explain_profile(
        platform,
        space_id=scene.space_id,
        audience_id=audience_id,
        activation_id=id,
        profile_id=profile_id,
    )
    return answer({"profile": found})
