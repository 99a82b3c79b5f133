"""Routes of the snapshots of an audience, and of rollbacks."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    AudienceId,
    CurrentSpace,
    PageDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
)
from app.api.extensions.parts import AUDIENCE, SnapshotId, before_number, newest_first
from app.contract.extensions import snapshots as contract
from app.core import clock
from app.services import audiences

router = APIRouter(route_class=ApiRoute)

TAG = "Snapshots"


def _wire(row: Any, audience: Any) -> contract.SnapshotOutput:
    return contract.SnapshotOutput(
        id=row.id,
        audience_id=row.audience_id,
        run_id=row.run_id,
        version=row.version,
        as_of=row.as_of,
        members=row.row_count,
        bytes=row.byte_count,
        traits=row.traits,
        identifiers=row.identifiers,
        current=row.id == audience.current_snapshot_id,
        pinned=row.id == audience.pinned_snapshot_id,
        created_at=row.created_at,
    )


@router.get(
    AUDIENCE + "/snapshots",
    **described(
        "listAudienceSnapshots",
        output=contract.SnapshotsData,
        summary="List snapshots",
        errors=(404, 422),
        parameters=(PAGINATION,),
        tag=TAG,
    ),
)
async def list_snapshots(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    page: PageDep,
) -> Response:
    """List the snapshots of an audience, newest first."""
    audience = await audiences.require_audience(session, scene.space_id, audience_id)
    found, total = await audiences.list_snapshots(
        session, scene.space_id, audience_id, before=before_number(page), limit=page.count + 1
    )
    shown = newest_first(found, total, page, lambda row: str(row.version))
    return answer(
        contract.SnapshotsData(
            snapshots=[_wire(row, audience) for row in shown.entries], pagination=pagination(shown)
        )
    )


@router.get(
    AUDIENCE + "/snapshots/{snapshotId}",
    **described(
        "getAudienceSnapshot",
        output=contract.SnapshotData,
        summary="Get a snapshot",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def get_snapshot(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    snapshot_id: SnapshotId,
) -> Response:
    """Get a snapshot."""
    audience = await audiences.require_audience(session, scene.space_id, audience_id)
    row = await audiences.get_snapshot(session, scene.space_id, audience_id, snapshot_id)
    return answer(contract.SnapshotData(snapshot=_wire(row, audience)))


@router.post(
    AUDIENCE + "/snapshots/{snapshotId}/rollback",
    **described(
        "rollBackAudience",
        output=contract.SnapshotData,
        summary="Roll back to a snapshot",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def roll_back(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    snapshot_id: SnapshotId,
) -> Response:
    """Pin the audience to a snapshot and open the inverse syncs. Runs continue to write snapshots."""
    audience = await audiences.roll_back(
        session, scene.space_id, audience_id, snapshot_id, actor=scene.actor, now=clock.now()
    )
    row = await audiences.get_snapshot(session, scene.space_id, audience_id, snapshot_id)
    return answer(contract.SnapshotData(snapshot=_wire(row, audience)))


@router.delete(
    AUDIENCE + "/snapshots/{snapshotId}/rollback",
    **described(
        "releaseAudience",
        output=contract.SnapshotData,
        summary="End a rollback",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def release(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    snapshot_id: SnapshotId,
) -> Response:
    """End a rollback. The audience continues with its newest snapshot. Returns 409 if it is not pinned to this one."""
    row = await audiences.get_snapshot(session, scene.space_id, audience_id, snapshot_id)
    await audiences.pinned_to(session, scene.space_id, audience_id, snapshot_id)
    audience = await audiences.release_pin(
        session, scene.space_id, audience_id, actor=scene.actor, now=clock.now()
    )
    return answer(contract.SnapshotData(snapshot=_wire(row, audience)))
