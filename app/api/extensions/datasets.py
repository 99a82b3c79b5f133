"""Routes of datasets and their content."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import SecretStr

from app.api.edge import (
    PAGINATION,
    ApiRoute,
    CurrentSpace,
    PageDep,
    PlatformDep,
    PlatformOnceDep,
    Scene,
    SessionDep,
    SpaceId,
    answer,
    described,
    pagination,
    query_text,
    read_text,
)
from app.api.extensions.parts import DELIMITER, UPLOAD_BODY, DatasetId, announced_length
from app.contract.extensions import datasets as contract
from app.contract.extensions.base import REMOVED, RemovalOutput, StrictInput
from app.contract.extensions.upload_reports import UploadReport
from app.core import clock
from app.core.errors import Invalid
from app.core.streamed_body import StreamedBody
from app.services import datasets
from app.services.platform import Platform

router = APIRouter(route_class=ApiRoute)

TAG = "Datasets"
_ALLOW_BREAKING = query_text(
    "allowBreaking",
    "`true`: replace the content even if that breaks audiences, whose next runs then fail or have fewer members.",
    "true",
    enum=["true", "false"],
)
_ONE = "/spaces/{spaceId}/datasets/{datasetId}"
_DATABASE = {
    "host": "warehouse.example.com",
    "database": "shop",
    "user": "audiences",
    "password": "<password>",
}


def _allows_breaking(request: Request) -> bool:
    given = read_text(request, "allowBreaking")
    if given not in (None, "true", "false"):
        raise Invalid("must be true or false", field="allowBreaking")
    return given == "true"


def _plain(source: StrictInput | None) -> dict[str, Any] | None:
    """Return the fields that the request contains. The password is in plain text, because the service encrypts it."""
    if source is None:
        return None
    given = source.model_dump(exclude_unset=True)
    if isinstance(given.get("password"), SecretStr):
        given["password"] = given["password"].get_secret_value()
    return given


def dataset_to_wire(
    platform: Platform, scene: Scene, row: Any, *, listed: bool = False
) -> contract.DatasetOutput:
    """Return a dataset, in lists (``listed``) without the report of its reading."""
    filled = row.file is not None
    reading = None if listed else row.reading
    source = datasets.shown_source(platform.keyring, scene.workspace_id, row)
    return contract.DatasetOutput(
        id=row.id,
        space_id=row.space_id,
        name=row.name,
        kind=row.kind,
        source=_source(source) if source else None,
        columns=[
            contract.Column(name=name, type=kind) for name, kind in row.columns.get("columns", ())
        ],
        reading=UploadReport(**reading) if reading else None,
        rows=row.row_count if filled else None,
        bytes=row.byte_count if filled else None,
        created_by=row.created_by,
        updated_by=row.updated_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _source(source: datasets.ShownSource) -> contract.PostgresSourceOutput:
    return contract.PostgresSourceOutput(
        host=source.host,
        port=source.port,
        database=source.database,
        user=source.user,
        password=contract.SecretSet(set=True),
        ssl_mode=source.ssl_mode,
        ca_certificate=source.ca_certificate,
        table=source.table,
        query=source.query,
    )


@router.post(
    "/spaces/{spaceId}/datasets",
    **described(
        "createDataset",
        output=contract.DatasetData,
        summary="Create a dataset",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "upload": {"name": "transactions", "kind": "upload"},
            "a table in a database": {
                "name": "orders",
                "kind": "postgres",
                "source": {**_DATABASE, "table": "public.orders"},
            },
            "a database for definitions to run in": {
                "name": "warehouse",
                "kind": "postgres",
                "source": _DATABASE,
            },
        },
        tag=TAG,
    ),
)
async def create_dataset(
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    body: contract.DatasetInput,
) -> Response:
    """Create a dataset: an upload, which is empty until its content is put, or a database.

    A database is not called before a check or a run.
    """
    row = await datasets.create_dataset(
        session,
        platform.keyring,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        name=body.name,
        kind=body.kind,
        source=_plain(body.source),
        actor=scene.actor,
    )
    return answer(contract.DatasetData(dataset=dataset_to_wire(platform, scene, row)))


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
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    page: PageDep,
) -> Response:
    """List the datasets of a space, oldest first."""
    found = await datasets.page_datasets(session, scene.space_id, page)
    return answer(
        contract.DatasetsData(
            datasets=[dataset_to_wire(platform, scene, row, listed=True) for row in found.entries],
            pagination=pagination(found),
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
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    dataset_id: DatasetId,
) -> Response:
    """Get a dataset with its columns and its size."""
    row = await datasets.get_dataset(session, scene.space_id, dataset_id)
    return answer(contract.DatasetData(dataset=dataset_to_wire(platform, scene, row)))


@router.patch(
    _ONE,
    **described(
        "updateDataset",
        output=contract.DatasetData,
        summary="Update the source of a dataset",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "a new password": {"source": {"password": "<password>"}},
            "another query": {"source": {"query": "SELECT id, email FROM customers"}},
        },
        tag=TAG,
    ),
)
async def update_dataset(
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    dataset_id: DatasetId,
    body: contract.DatasetPatch,
) -> Response:
    """Update the fields of the source that are given.

    Changing the server or its verification requires the password to be entered again.
    """
    row = await datasets.update_dataset(
        session,
        platform.keyring,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        dataset_id=dataset_id,
        source=_plain(body.source),
        actor=scene.actor,
        now=clock.now(),
    )
    return answer(contract.DatasetData(dataset=dataset_to_wire(platform, scene, row)))


@router.post(
    _ONE + "/checks",
    **described(
        "checkDataset",
        lasting=True,
        output=contract.DatasetCheckData,
        summary="Check the database of a dataset",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def check_dataset(
    platform: PlatformOnceDep, scene: CurrentSpace, space_id: SpaceId, dataset_id: DatasetId
) -> Response:
    """Connect to the database and plan the query without running it. Returns the columns, or the error."""
    found = await datasets.check_dataset(
        platform,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        dataset_id=dataset_id,
        now=clock.now(),
    )
    columns = None
    if found.columns is not None:
        columns = [contract.Column(name=name, type=kind) for name, kind in found.columns.items()]
    check = contract.DatasetCheckOutput(
        ok=found.ok, message=found.message, columns=columns, warnings=found.warnings
    )
    return answer(contract.DatasetCheckData(check=check))


@router.put(
    _ONE + "/content",
    **described(
        "putDatasetContent",
        output=contract.DatasetData,
        summary="Upload the content of a dataset",
        errors=(400, 404, 409, 413, 415, 422, 507),
        upload=True,
        parameters=(DELIMITER, _ALLOW_BREAKING),
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
    """Replace the content of a dataset, completely or not at all. Types of CSV columns are detected from the whole file.

    Returns 409, with the names of the audiences, if the upload has no rows, or if a column that a definition reads is missing
    or has values of another kind. The content before is kept for 30 days (see `contents`).
    """
    body = StreamedBody(request)
    row = await body.run(
        datasets.put_dataset_content(
            platform,
            body.pieces(),
            space_id=scene.space_id,
            dataset_id=dataset_id,
            content_type=request.headers.get("content-type"),
            content_encoding=request.headers.get("content-encoding"),
            announced=announced_length(request),
            delimiter=read_text(request, "delimiter"),
            allow_breaking=_allows_breaking(request),
            actor=scene.actor,
            now=clock.now(),
        )
    )
    return answer(contract.DatasetData(dataset=dataset_to_wire(platform, scene, row)))


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
    """Remove a dataset. Returns 409, with the names of the audiences, while a definition uses it."""
    await datasets.delete_dataset(session, scene.space_id, dataset_id, actor=scene.actor)
    return answer(REMOVED)
