"""Routes of the runs of an audience. ``app.api.routes.audiences`` has the operation that forces a run."""

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
from app.api.extensions.parts import AUDIENCE, RunId, before, newest_first
from app.contract.extensions import runs as contract
from app.contract.extensions.upload_reports import UploadReport
from app.services import audiences

router = APIRouter(route_class=ApiRoute)

TAG = "Runs"


def _sources(found: list[dict[str, Any]] | None) -> list[contract.RunSource] | None:
    if found is None:
        return None
    return [
        contract.RunSource(
            dataset_id=source["datasetId"],
            name=source["name"],
            kind=source["kind"],
            rows=source["rows"],
            bytes=source["bytes"],
            sha256=source.get("sha256"),
            pushed_down=source.get("pushedDown"),
            read_at=source.get("readAt"),
            state=source.get("state"),
            path=source.get("path"),
            etag=source.get("etag"),
            file_bytes=source.get("fileBytes"),
            modified_at=source.get("modifiedAt"),
        )
        for source in found
    ]


def run_wire(row: Any, *, listed: bool = False) -> contract.RunOutput:
    """Convert a run to the model of the response. In a list it has no report on its upload."""
    reading = None if listed else (row.input or {}).get("reading")
    return contract.RunOutput(
        id=row.id,
        audience_id=row.audience_id,
        kind=row.kind,
        trigger=row.trigger,
        status=row.state,
        as_of=row.as_of,
        make_current=row.make_current,
        became_current=row.became_current,
        members=row.members,
        entered=row.entered,
        exited=row.exited,
        snapshot_id=row.snapshot_id,
        sources=_sources(row.sources),
        notes=audiences.run_notes(row),
        type_changes=[
            contract.TypeChange(**change) for change in (row.input or {}).get("typeChanges") or ()
        ],
        absent=audiences.absent_of(row),
        refused=row.refused or 0,
        reading=UploadReport(**reading) if reading else None,
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


@router.get(
    AUDIENCE + "/runs",
    **described(
        "listAudienceRuns",
        output=contract.RunsData,
        summary="List runs",
        errors=(404, 422),
        parameters=(PAGINATION,),
        tag=TAG,
    ),
)
async def list_runs(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    page: PageDep,
) -> Response:
    """List the runs of an audience, newest first."""
    await audiences.require_audience(session, scene.space_id, audience_id)
    found, total = await audiences.list_runs(
        session, scene.space_id, audience_id, before=before(page), limit=page.count + 1
    )
    shown = newest_first(found, total, page, lambda row: row.id)
    return answer(
        contract.RunsData(
            runs=[run_wire(row, listed=True) for row in shown.entries], pagination=pagination(shown)
        )
    )


@router.get(
    AUDIENCE + "/runs/{runId}",
    **described(
        "getAudienceRun",
        output=contract.RunData,
        summary="Get a run",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def get_run(
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    audience_id: AudienceId,
    run_id: RunId,
) -> Response:
    """Get a run. Poll it until its status is ``complete`` or ``failed``."""
    row = await audiences.get_run(session, scene.space_id, audience_id, run_id)
    return answer(contract.RunData(run=run_wire(row)))
