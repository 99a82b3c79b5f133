"""Where an activation stands, its syncs, and what people do with one."""

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
    """A sync as it stands in answers: under way with the counts of its batches, closed with its own."""
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
        summary="Where an activation stands",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def get_status(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, audience_id: AudienceId, id: Id
) -> Response:
    """Its ``note`` answers why nothing was sent."""
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
    """The newest first, dry runs among them."""
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
        summary="Sync now, resync, or say what a sync would do",
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
    """Answers the sync that does it, which may be one that is open already."""
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
    """With its progress while it runs, and with the report of a dry run."""
    await activations.require_activation(session, scene.space_id, audience_id, id)
    return await _shown(session, scene, id, sync_id)


@router.post(
    _ONE + "/approve",
    **described(
        "approveActivationSync",
        output=contract.SyncData,
        summary="Let a held plan go out",
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
    """That very plan; 409 where it is not held or was superseded."""
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
        summary="Cancel a sync, or reject a held one",
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
    """What was sent stays sent, and is remembered."""
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
        summary="Try once more what was refused",
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
    """Answers the new sync that does it."""
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
        summary="Why changes were refused",
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
    """Counts by reason and up to 100 samples."""
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
        summary="What was sent for a profile, and why",
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
    """Membership, identifiers, arm, batch and the partner's answer, in one place.

    The past is searched as far as 512 MiB from the object store and 20 s reach, within the newest 20 snapshots of each
    audience and 200 syncs; `historyStoppedAt`, of the profile (`syncId`, `syncNumber`, `plannedAt`) and of each of its
    memberships (`snapshotId`, `asOf`), names the newest that was not looked into, or is null.
    """
    found = await reports.explain_profile(
        platform,
        space_id=scene.space_id,
        audience_id=audience_id,
        activation_id=id,
        profile_id=profile_id,
    )
    return answer({"profile": found})
