"""Routes of the former contents of datasets."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    CurrentSpace,
    PlatformDep,
    SessionDep,
    SpaceId,
    answer,
    described,
    path_id,
)
from app.api.extensions.datasets import TAG, dataset_to_wire
from app.api.extensions.parts import DatasetId
from app.contract.extensions import datasets as contract
from app.core import clock
from app.services import datasets

router = APIRouter(route_class=ApiRoute)

_CONTENTS = "/spaces/{spaceId}/datasets/{datasetId}/contents"
ContentId = Annotated[str, path_id("contentId", "the former content", "dsc_0vK3mQr8WdN5kP2xV7yLaT")]


@router.get(
    _CONTENTS,
    **described(
        "listDatasetContents",
        output=contract.DatasetContentsData,
        summary="List the former contents of a dataset",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def list_contents(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, dataset_id: DatasetId
) -> Response:
    """List the last five contents that were replaced, newest first. Each is kept for 30 days."""
    found = await datasets.list_contents(session, scene.space_id, dataset_id)
    return answer(contract.DatasetContentsData(contents=[_wire(row) for row in found]))


@router.post(
    _CONTENTS + "/{contentId}/restore",
    **described(
        "restoreDatasetContent",
        output=contract.DatasetData,
        summary="Restore a former content of a dataset",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def restore_content(
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    dataset_id: DatasetId,
    content_id: ContentId,
) -> Response:
    """Make a former content the current one again. The content that it replaces is kept, so this can be undone."""
    row = await datasets.restore_content(
        session, scene.space_id, dataset_id, content_id, actor=scene.actor, now=clock.now()
    )
    return answer(contract.DatasetData(dataset=dataset_to_wire(platform, scene, row)))


def _wire(row: Any) -> contract.DatasetContentOutput:
    return contract.DatasetContentOutput(
        id=row.id,
        columns=[
            contract.Column(name=name, type=kind) for name, kind in row.columns.get("columns", ())
        ],
        rows=row.row_count,
        bytes=row.byte_count,
        uploaded_by=row.uploaded_by,
        uploaded_at=row.uploaded_at,
        replaced_at=row.replaced_at,
    )
