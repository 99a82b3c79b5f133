"""Datasets and their content."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.answers import answer, pagination
from app.api.deps import PAGINATION, CurrentSpace, PageDep, PlatformDep, SessionDep, SpaceId
from app.api.extensions.parts import UPLOAD_BODY, DatasetId, announced_length
from app.api.operation import described
from app.api.route import ApiRoute
from app.contract.extensions import datasets as contract
from app.contract.extensions.base import REMOVED, RemovalOutput
from app.core import clock
from app.services import datasets

router = APIRouter(route_class=ApiRoute)

TAG = "Datasets"
_ONE = "/spaces/{spaceId}/datasets/{datasetId}"


def _wire(row: Any) -> contract.DatasetOutput:
    filled = row.file is not None
    return contract.DatasetOutput(
        id=row.id,
        space_id=row.space_id,
        name=row.name,
        kind=row.kind,
        columns=[
            contract.Column(name=name, type=kind) for name, kind in row.columns.get("columns", ())
        ],
        rows=row.row_count if filled else None,
        bytes=row.byte_count if filled else None,
        created_by=row.created_by,
        updated_by=row.updated_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


@router.post(
    "/spaces/{spaceId}/datasets",
    **described(
        "createDataset",
        output=contract.DatasetData,
        summary="Make a dataset",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={"upload": {"name": "transactions", "kind": "upload"}},
        tag=TAG,
    ),
)
async def create_dataset(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, body: contract.DatasetInput
) -> Response:
    """It is empty until its content is put."""
    row = await datasets.create(
        session, space_id=scene.space_id, name=body.name, kind=body.kind, actor=scene.actor
    )
    return answer(contract.DatasetData(dataset=_wire(row)))


@router.get(
    "/spaces/{spaceId}/datasets",
    **described(
        "listDatasets",
        output=contract.DatasetsData,
        summary="List datasets",
        errors=(404, 422),
        parameters=(PAGINATION,),
        tag=TAG,
    ),
)
async def list_datasets(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, page: PageDep
) -> Response:
    """In the order of making."""
    found = await datasets.page(session, scene.space_id, page)
    return answer(
        contract.DatasetsData(
            datasets=[_wire(row) for row in found.entries], pagination=pagination(found)
        )
    )


@router.get(
    _ONE,
    **described(
        "getDataset",
        output=contract.DatasetData,
        summary="Get a dataset",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def get_dataset(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, dataset_id: DatasetId
) -> Response:
    """Its columns and how much it holds."""
    row = await datasets.get(session, scene.space_id, dataset_id)
    return answer(contract.DatasetData(dataset=_wire(row)))


@router.put(
    _ONE + "/content",
    **described(
        "putDatasetContent",
        output=contract.DatasetData,
        summary="Upload a dataset's content",
        errors=(400, 404, 409, 413, 415, 422, 507),
        upload=True,
        request_body=UPLOAD_BODY,
        tag=TAG,
    ),
)
async def put_dataset_content(
    request: Request,
    platform: PlatformDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    dataset_id: DatasetId,
) -> Response:
    """Replaces what was there, whole or not at all. Types of CSV columns are found over the whole file."""
    row = await datasets.put_content(
        platform,
        request.stream(),
        space_id=scene.space_id,
        dataset_id=dataset_id,
        content_type=request.headers.get("content-type"),
        content_encoding=request.headers.get("content-encoding"),
        announced=announced_length(request),
        actor=scene.actor,
        now=clock.now(),
    )
    return answer(contract.DatasetData(dataset=_wire(row)))


@router.delete(
    _ONE,
    **described(
        "removeDataset",
        output=RemovalOutput,
        summary="Remove a dataset",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def remove_dataset(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, dataset_id: DatasetId
) -> Response:
    """409, naming the audiences, while a definition names it."""
    await datasets.delete(session, scene.space_id, dataset_id, actor=scene.actor)
    return answer(REMOVED)
