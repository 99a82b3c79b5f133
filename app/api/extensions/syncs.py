"""Routes of the syncs of an activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    Id,
    PageDep,
    Scene,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
)
from app.api.extensions.parts import ACTIVATION, CurrentActivation, SyncId, before, newest_first
from app.contract.extensions import syncs as contract
from app.core import clock
from app.services import activations, syncs

router = APIRouter(route_class=ApiRoute)

TAG = "Syncs"
_ONE = ACTIVATION + "/syncs/{syncId}"


def sync_wire(view: syncs.SyncView) -> contract.SyncOutput:
    """Convert a sync to the model of the response. While it is in progress, the counts are those of its batches."""
    sync = view.sync
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
        planned=sync.planned,
        delivered=view.delivered,
        rejected=view.rejected,
        skipped=view.skipped,
        pending=view.pending,
        left_out=sync.left_out,
        batches=sync.batches,
        snapshots=[
            contract.SyncSourceOutput(audience_id=audience, snapshot_id=snapshot)
            for audience, snapshot in view.snapshots.items()
        ],
        hold_reason=sync.hold_reason,
        rule_changes=_rule_changes(sync.spec),
        approved_by=sync.approved_by,
        error=sync.error,
        report=sync.report,
        opened_at=sync.opened_at,
        planned_at=sync.planned_at,
        started_at=sync.started_at,
        finished_at=sync.finished_at,
    )


def _rule_changes(spec: Mapping[str, Any] | None) -> contract.RuleChangesOutput | None:
    found = (spec or {}).get("ruleChanges")
    return contract.RuleChangesOutput(**found) if found and any(found.values()) else None


async def _shown(session: SessionDep, scene: Scene, activation_id: str, sync_id: str) -> Response:
    view = await syncs.get_sync(session, scene.space_id, activation_id, sync_id)
    return answer(contract.SyncData(sync=sync_wire(view)))


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
    activation: CurrentActivation,
) -> Response:
    """List the syncs of an activation, newest first, including dry runs."""
    found, total = await syncs.list_syncs(
        session, scene.space_id, activation.id, before=before(page), limit=page.count + 1
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
    # Not a dependency: an invalid body is reported before an unknown activation.
    activation = await activations.require_activation(session, scene.space_id, audience_id, id)
    wanted = body or contract.SyncInput()
    sync = await syncs.start_sync(
        session,
        activation,
        kind=wanted.kind,
        dry_run=wanted.dry_run,
        actor=scene.actor,
    )
    return await _shown(session, scene, activation.id, sync.id)


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
    activation: CurrentActivation,
    sync_id: SyncId,
) -> Response:
    """Get a sync, with its progress while it runs, and with the report of a dry run."""
    return await _shown(session, scene, activation.id, sync_id)


@router.post(
    _ONE + "/approve",
    **described(
        "approveActivationSync",
        output=contract.SyncData,
        summary="Approve a sync that is on hold",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "this plan": {},
            "and other limits": {"brake": {"maxRemovalPercent": 50, "minRemovals": 100}},
        },
        tag=TAG,
    ),
)
async def approve_sync(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    activation: CurrentActivation,
    sync_id: SyncId,
    body: contract.ApprovalInput | None = None,
) -> Response:
    """Approve the plan of a sync that is on hold. Returns 409 if the sync is not on hold or was superseded.

    The body is optional. Its ``brake`` sets new limits for the activation's next plans.
    """
    await syncs.approve_sync(
        session,
        scene.space_id,
        activation.id,
        sync_id,
        actor=scene.actor,
        now=clock.now(),
        limits=body.brake if body is not None else None,
        exits=body.exits if body is not None else None,
    )
    return await _shown(session, scene, activation.id, sync_id)


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
    activation: CurrentActivation,
    sync_id: SyncId,
) -> Response:
    """Cancel a sync. Changes that were sent are kept at the destination and in the holdings."""
    await syncs.cancel_sync(session, scene.space_id, activation.id, sync_id, actor=scene.actor)
    return await _shown(session, scene, activation.id, sync_id)


@router.post(
    _ONE + "/retry",
    **described(
        "retryActivationSync",
        output=contract.SyncData,
        summary="Retry rejected changes",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={"everything": {}, "one reason": {"reason": "invalid"}},
        tag=TAG,
    ),
)
async def retry_sync(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    id: Id,
    activation: CurrentActivation,
    sync_id: SyncId,
    body: contract.RetryInput | None = None,
) -> Response:
    """Retry the rejected changes of an activation, or those that this sync had rejected for one reason. Returns the new sync.

    The new sync also sends what has changed since. Exits that were rejected are sent again by every sync.
    """
    sync = await syncs.retry_sync(
        session,
        scene.space_id,
        activation.id,
        sync_id,
        actor=scene.actor,
        reason=body.reason if body else None,
    )
    return await _shown(session, scene, activation.id, sync.id)


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
    activation: CurrentActivation,
    sync_id: SyncId,
) -> Response:
    """List why changes were rejected: counts by reason, and up to 100 samples."""
    found = await syncs.sync_rejections(session, scene.space_id, activation.id, sync_id)
    return answer(
        contract.RejectionsData(
            rejections=contract.RejectionsOutput(counts=found.counts, samples=found.samples)
        )
    )
