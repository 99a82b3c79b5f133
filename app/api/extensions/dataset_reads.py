"""Routes that show the first rows of a dataset, its columns, and the audiences that read it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.edge import (
    ApiRoute,
    CurrentSpace,
    PlatformDep,
    SessionDep,
    SpaceId,
    answer,
    described,
)
from app.api.extensions.datasets import TAG
from app.api.extensions.parts import DatasetId
from app.contract.extensions import dataset_reads as contract
from app.services import datasets

router = APIRouter(route_class=ApiRoute)

_ONE = "/spaces/{spaceId}/datasets/{datasetId}"


@router.get(
    _ONE + "/rows",
    **described(
        "listDatasetRows",
        lasting=True,
        output=contract.DatasetRowsData,
        summary="List the first rows of a dataset",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def list_rows(
    platform: PlatformDep, scene: CurrentSpace, space_id: SpaceId, dataset_id: DatasetId
) -> Response:
    """List the first 20 rows of an upload, to see how it was read.

    Empty before the first upload, and for a database. Very long rows are left out from 1 MiB on.
    """
    found = await datasets.read_first_rows(platform, space_id=scene.space_id, dataset_id=dataset_id)
    return answer(contract.DatasetRowsData(rows=[dict(row) for row in found]))


@router.get(
    _ONE + "/columns",
    **described(
        "listDatasetColumns",
        lasting=True,
        output=contract.DatasetColumnsData,
        summary="List the columns of a dataset",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def list_columns(
    platform: PlatformDep, scene: CurrentSpace, space_id: SpaceId, dataset_id: DatasetId
) -> Response:
    """List the columns of a dataset, with what is needed to choose the one whose values become the ids of members.

    The values of a database, and those after the first 5 million, are not counted.
    """
    async with platform.unit_of_work() as session:
        row = await datasets.get_dataset(session, scene.space_id, dataset_id)
    counts = await datasets.read_key_counts(
        platform, space_id=scene.space_id, dataset_id=dataset_id
    )
    return answer(
        contract.DatasetColumnsData(
            columns=[
                contract.DatasetColumnOutput(
                    name=name,
                    type=kind,
                    missing=counts[name].missing if name in counts else None,
                    repeated=counts[name].repeated if name in counts else None,
                    unusable=counts[name].unusable if name in counts else None,
                )
                for name, kind in row.columns.get("columns") or ()
            ]
        )
    )


@router.get(
    _ONE + "/audiences",
    **described(
        "listDatasetAudiences",
        output=contract.DatasetUsersData,
        summary="List the audiences that read a dataset",
        errors=(404, 422),
        tag=TAG,
    ),
)
async def list_users(
    session: SessionDep, scene: CurrentSpace, space_id: SpaceId, dataset_id: DatasetId
) -> Response:
    """List the audiences whose definitions name a dataset. While there are any, it cannot be removed."""
    found = await datasets.list_users(session, scene.space_id, dataset_id)
    return answer(
        contract.DatasetUsersData(
            audiences=[
                contract.DatasetUserOutput(
                    audience_id=one.audience_id,
                    audience_name=one.audience_name,
                    read_at=one.read_at,
                )
                for one in found
            ]
        )
    )
