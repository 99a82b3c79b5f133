"""Routes of datasets and their content."""

from __future__ import annotations

from collections.abc import Sequence
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
    query_flag,
    read_flag,
    read_text,
)
from app.api.extensions.checks import warnings_to_wire
from app.api.extensions.dataset_files import file_to_wire
from app.api.extensions.parts import DELIMITER, UPLOAD_BODY, DatasetId, announced_length
from app.contract.extensions import datasets as contract
from app.contract.extensions.base import REMOVED, RemovalOutput, StrictInput
from app.contract.extensions.upload_reports import UploadReport
from app.core import clock
from app.core.streamed_body import StreamedBody
from app.domain.save_warnings import SaveWarning
from app.services import datasets
from app.services.platform import Platform

router = APIRouter(route_class=ApiRoute)

TAG = "Datasets"
_ALLOW_BREAKING = query_flag(
    "allowBreaking",
    "`true`: replace the content even if that breaks audiences, whose next runs then fail or have fewer members.",
)
_ONE = "/spaces/{spaceId}/datasets/{datasetId}"
_DATABASE = {
    "host": "warehouse.example.com",
    "database": "shop",
    "user": "audiences",
    "password": "<password>",
}


def _plain(source: StrictInput | None) -> dict[str, Any] | None:
    """Return the fields that the request contains. Secrets are in plain text, because the service encrypts them."""
    if source is None:
        return None
    given = source.model_dump(exclude_unset=True)
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in given.items()
    }


def dataset_to_wire(
    platform: Platform, scene: Scene, row: Any, *, listed: bool = False
) -> contract.DatasetOutput:
    """Return a dataset, in lists (``listed``) without the report of its reading."""
    filled = row.file is not None
    reading = None if listed else row.reading
    source = datasets.shown_source(platform.keyring, scene.workspace_id, row)
    file = datasets.shown_file(platform.keyring, scene.workspace_id, row)
    return contract.DatasetOutput(
        id=row.id,
        space_id=row.space_id,
        name=row.name,
        kind=row.kind,
        source=_source(source) if source else None,
        file=file_to_wire(file) if file else None,
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
        output=contract.SavedDatasetData,
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
            "the newest file of a bucket": {
                "name": "purchases",
                "kind": "object",
                "file": {
                    "url": "s3://shop-exports/purchases-*.csv.gz",
                    "region": "eu-central-1",
                    "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
                    "secretAccessKey": "<secret>",
                    "maxAgeHours": 26,
                },
            },
        },
        tag=TAG,
        warns=True,
    ),
)
async def create_dataset(
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    body: contract.DatasetInput,
) -> Response:
    """Create a dataset: an upload, which is empty until its content is put, a database, or a file.

    A database is not called before a check or a run. The place of a file is asked for it, for at most two seconds: settings that it
    refuses are a 422; a file that is missing or late, or no response in time, is a warning.
    """
    file = _plain(body.file)
    # The session has used no connection of the database yet, except with an idempotency key, whose row it holds.
    found: Sequence[SaveWarning] = ()
    if body.kind == "object":
        found = await datasets.check_new_file(platform, scene.workspace_id, file, now=clock.now())
    found = [*found, *await datasets.dataset_name_warnings(body.name)]
    row = await datasets.create_dataset(
        session,
        platform.keyring,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        name=body.name,
        kind=body.kind,
        source=_plain(body.source),
        file=file,
        permits_roles=platform.settings.permits_roles,
        actor=scene.actor,
    )
    return _saved(platform, scene, row, found)


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
        output=contract.SavedDatasetData,
        summary="Update the source of a dataset",
        errors=(404, 409, 422),
        has_body=True,
        request_examples={
            "a new password": {"source": {"password": "<password>"}},
            "another query": {"source": {"query": "SELECT id, email FROM customers"}},
            "accept the next file, although it breaks audiences": {"file": {"allowBreaking": True}},
        },
        tag=TAG,
        warns=True,
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
    """Update the fields of the database or the file that are given.

    Changing the server or its verification requires the secrets to be entered again. The place of a file is asked as when a dataset
    is created.
    """
    file, now = _plain(body.file), clock.now()
    found = await datasets.check_changed_file(
        platform, scene.workspace_id, scene.space_id, dataset_id, file, now=now
    )
    row = await datasets.update_dataset(
        session,
        platform.keyring,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        dataset_id=dataset_id,
        source=_plain(body.source),
        file=file,
        permits_roles=platform.settings.permits_roles,
        actor=scene.actor,
        now=now,
    )
    return _saved(platform, scene, row, found)


def _saved(platform: Platform, scene: Scene, row: Any, found: Sequence[SaveWarning]) -> Response:
    data = contract.SavedDatasetData(
        dataset=dataset_to_wire(platform, scene, row), warnings=warnings_to_wire(found)
    )
    return answer(data, warnings=len(found))


@router.post(
    _ONE + "/checks",
    **described(
        "checkDataset",
        lasting=True,
        output=contract.DatasetCheckData,
        summary="Check the database or the file of a dataset",
        errors=(404, 409, 422),
        tag=TAG,
    ),
)
async def check_dataset(
    platform: PlatformOnceDep, scene: CurrentSpace, space_id: SpaceId, dataset_id: DatasetId
) -> Response:
    """Connect to the database and plan the query without running it, or ask for the file. Returns the columns, or the error."""
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
            allow_breaking=read_flag(request, "allowBreaking"),
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
    platform: PlatformDep,
    session: SessionDep,
    scene: CurrentSpace,
    space_id: SpaceId,
    dataset_id: DatasetId,
) -> Response:
    """Remove a dataset. Returns 409, with the names of the audiences, while a definition uses it."""
    await datasets.delete_dataset(
        session,
        platform.keyring,
        workspace_id=scene.workspace_id,
        space_id=scene.space_id,
        dataset_id=dataset_id,
        actor=scene.actor,
    )
    return answer(REMOVED)
