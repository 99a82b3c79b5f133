"""Datasets: named tables of a space, filled by uploads or read from databases, for SQL definitions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import ConnectorError
from app.core.crypto import Keyring
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.core.pagination import Page, PageRequest, make_page
from app.services.datasets import sources
from app.services.datasets.sources import POSTGRES
from app.services.platform import Platform, fresh_key, receive_upload, store_file
from app.services.tenancy import record_event
from app.snapshots.reading import write_dataset
from app.sources import check_source
from app.storage.models import Dataset
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.datasets import DatasetRepository

_NAMED = 10  # audiences that an error names


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """Whether a dataset's database can be read, and what there is; the columns in the engine's types."""

    ok: bool
    message: str
    columns: Mapping[str, str] | None = None
    warnings: list[str] = field(default_factory=list)


async def create_dataset(
    session: AsyncSession,
    keyring: Keyring,
    *,
    workspace_id: str,
    space_id: str,
    name: str,
    kind: str,
    source: Mapping[str, Any] | None,
    actor: str,
) -> Dataset:
    """A dataset without content, or one in a database, to which nothing is sent yet.

    Conflict where the name is taken (upper and lower case are the same); Invalid for a source that does not fit.
    """
    if (kind == POSTGRES) != (source is not None):
        wanted = (
            "is required for the kind postgres" if source is None else "is for the kind postgres"
        )
        raise Invalid(f'"source": {wanted}', field="source")
    repository = DatasetRepository(session)
    if await repository.named(space_id, name) is not None:
        raise Conflict(f"There is a dataset of the name {name!r} in this space.", field="name")
    dataset = Dataset(
        space_id=space_id,
        id=new_id("dst"),
        name=name,
        kind=kind,
        created_by=actor,
        updated_by=actor,
    )
    if source is not None:
        made = sources.new_source(source)
        dataset.settings = sources.seal_source(keyring, workspace_id, dataset.id, made)
    repository.add(dataset)
    await session.flush()
    await session.refresh(dataset)
    await _record(session, dataset, "Dataset Created", actor)
    return dataset


async def get_dataset(session: AsyncSession, space_id: str, dataset_id: str) -> Dataset:
    """One dataset of a space."""
    return await DatasetRepository(session).require(space_id, dataset_id)


async def page_datasets(
    session: AsyncSession, space_id: str, request: PageRequest
) -> Page[Dataset]:
    """Datasets of a space in the order of making."""
    repository = DatasetRepository(session)
    position = request.position()
    found = await repository.walk(space_id, position=position, limit=request.count + 1)
    total = await repository.count(space_id)
    return make_page(
        found, request=request, position=position, key=lambda row: (row.id,), total=total
    )


async def update_dataset(
    session: AsyncSession,
    keyring: Keyring,
    *,
    workspace_id: str,
    space_id: str,
    dataset_id: str,
    source: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
) -> Dataset:
    """Change where a dataset is read; Conflict for an upload, Invalid for a source that does not fit then."""
    dataset = await DatasetRepository(session).require(space_id, dataset_id, lock="update")
    _require_database(dataset)
    if source:
        former = sources.source_of(keyring, workspace_id, dataset)
        changed = sources.changed_source(former, source)
        if changed != former:
            dataset.settings = sources.seal_source(keyring, workspace_id, dataset.id, changed)
        if changed.sql != former.sql:
            dataset.columns = {}  # of what was read before
        dataset.updated_by, dataset.updated_at = actor, now
        await session.flush()
        await _record(session, dataset, "Dataset Modified", actor)
    return dataset


def _require_database(dataset: Dataset) -> None:
    if dataset.settings is None:
        raise Conflict("The dataset's content is uploaded; it has no source.")


async def check_dataset(
    platform: Platform, *, workspace_id: str, space_id: str, dataset_id: str, now: datetime
) -> DatasetCheck:
    """Try a dataset's database, with no transaction open, and keep what columns there are."""
    async with platform.unit_of_work() as session:
        dataset = await get_dataset(session, space_id, dataset_id)
        _require_database(dataset)
        seen = dataset.settings
        source = sources.source_of(platform.keyring, workspace_id, dataset)
    try:
        async with platform.readings.short:
            found = await check_source(source, now, policy=platform.outbound)
    except ConnectorError as error:
        return DatasetCheck(False, error.message)
    if found.columns is not None:
        async with platform.unit_of_work() as session:
            row = await DatasetRepository(session).get(space_id, dataset_id, lock="update")
            # What was checked may have been changed meanwhile.
            if row is not None and row.settings == seen:
                row.columns = _columns(found.columns)
    return DatasetCheck(True, found.message, found.columns, list(found.warnings))


def _columns(kinds: Mapping[str, str]) -> dict[str, Any]:
    """As the row keeps them: a list inside, for the database does not keep the order of an object's keys."""
    return {"columns": [[name, kind] for name, kind in kinds.items()]}


async def put_dataset_content(
    platform: Platform,
    stream: AsyncIterator[bytes],
    *,
    space_id: str,
    dataset_id: str,
    content_type: str | None,
    content_encoding: str | None,
    announced: int | None,
    actor: str,
    now: datetime,
) -> Dataset:
    """Replace a dataset's content by an upload. Invalid, and nothing changed, where it cannot be read; Conflict
    for one in a database.

    No transaction is open while the upload comes in and is worked on; two at a time end with the one that was
    committed last.
    """
    async with platform.unit_of_work() as session:
        if (await get_dataset(session, space_id, dataset_id)).settings is not None:
            raise Conflict("The dataset is read from its database; there is no content to upload.")
    out = platform.engine.scratch_file(".parquet")
    try:
        async with receive_upload(
            platform.engine,
            platform.settings,
            stream,
            content_type=content_type,
            content_encoding=content_encoding,
            announced=announced,
        ) as upload:
            stats = await platform.engine.run(write_dataset, upload, out)
        key = fresh_key(f"spaces/{space_id}/datasets/{dataset_id}", "content")
        file = await store_file(platform.objects, out, key, stats.rows)
    finally:
        out.unlink(missing_ok=True)
    async with platform.unit_of_work() as session:
        dataset = await DatasetRepository(session).require(space_id, dataset_id, lock="update")
        dataset.file = file.to_json()
        dataset.columns = _columns(stats.columns)
        dataset.row_count, dataset.byte_count = file.rows, file.bytes
        dataset.updated_by, dataset.updated_at = actor, now
        await session.flush()
        await _record(session, dataset, "Dataset Content Replaced", actor)
    return dataset


async def delete_dataset(
    session: AsyncSession, space_id: str, dataset_id: str, *, actor: str
) -> None:
    """Remove a dataset; Conflict, naming the audiences, while a definition names it."""
    repository = DatasetRepository(session)
    dataset = await repository.require(space_id, dataset_id, lock="update")
    users = await AudienceRepository(session).naming(space_id, dataset.name)
    if users:
        named = ", ".join(f"{audience.name} ({audience.id})" for audience in users[:_NAMED])
        more = f" and {len(users) - _NAMED} more" if len(users) > _NAMED else ""
        raise Conflict(
            f"The dataset is named by the definition of {named}{more}.",
            data={"audiences": [audience.id for audience in users]},
        )
    await _record(session, dataset, "Dataset Deleted", actor)
    await repository.delete(dataset)
    await session.flush()


async def _record(session: AsyncSession, dataset: Dataset, event: str, actor: str) -> None:
    await record_event(
        session,
        space_id=dataset.space_id,
        type=event,
        actor=actor,
        resource_type="dataset",
        resource_id=dataset.id,
        resource_name=dataset.name,
    )
