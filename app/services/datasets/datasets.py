"""Datasets: named tables of a space, filled by uploads or read from databases and files, for SQL definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.errors import ConnectorError
from app.core.crypto import Keyring
from app.core.errors import Conflict, Invalid
from app.core.ids import new_id
from app.core.pagination import Page, PageRequest
from app.services.datasets import file_sources, sources
from app.services.datasets.dataset_content import columns_to_json
from app.services.datasets.dataset_names import check_dataset_name
from app.services.datasets.file_checks import look_at_file
from app.services.datasets.kinds import OBJECT, POSTGRES, is_database, is_file
from app.services.datasets.recorded_fields import dataset_fields
from app.services.platform import Platform
from app.services.tenancy import record_change
from app.sources import ObjectSource, check_source
from app.storage.models import Dataset
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.datasets import DatasetRepository

_NAMED = 10  # audiences that an error names


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """Whether a dataset's database or file can be read, and its columns with the engine's types."""

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
    file: Mapping[str, Any] | None = None,
    permits_roles: bool = False,
    actor: str,
) -> Dataset:
    """Create a dataset without content, or one that is read from a database (``source``) or a file; nothing is read yet.

    Raises Conflict if the name is in use (in upper or lower case), and Invalid if the source or the file is not valid.
    """
    check_dataset_name(name)
    _check_kind(kind, POSTGRES, "source", source)
    _check_kind(kind, OBJECT, "file", file)
    repository = DatasetRepository(session)
    if (known := await repository.named(space_id, name)) is not None:
        raise Conflict(
            f"There is a dataset {known.name} ({known.id}) in this space; upper and lower case do not matter. Choose another "
            "name, or put the content of that one.",
            field="name",
        )
    dataset = Dataset(
        space_id=space_id,
        id=new_id("dst"),
        name=name,
        kind=kind,
        created_by=actor,
        updated_by=actor,
    )
    if source is not None:
        new_source = sources.new_source(source)
        dataset.settings = sources.seal_source(keyring, workspace_id, dataset.id, new_source)
    if file is not None:
        new_file = file_sources.new_file(file, permits_roles=permits_roles)
        dataset.settings = file_sources.seal_file(keyring, workspace_id, dataset.id, new_file)
    repository.add(dataset)
    await session.flush()
    await session.refresh(dataset)
    after = dataset_fields(keyring, workspace_id, dataset)
    await record_change(session, "dataset", dataset, "Dataset Created", actor, after=after)
    return dataset


def _check_kind(kind: str, needs: str, field: str, given: Mapping[str, Any] | None) -> None:
    if (kind == needs) != (given is not None):
        fault = f"is required for the kind {needs}" if given is None else f"is for the kind {needs}"
        raise Invalid(f'"{field}": {fault}', field=field)


async def get_dataset(session: AsyncSession, space_id: str, dataset_id: str) -> Dataset:
    """Read a dataset of a space. Raises NotFound."""
    return await DatasetRepository(session).require(space_id, dataset_id)


async def find_dataset(session: AsyncSession, space_id: str, name: str) -> Dataset | None:
    """Return the dataset of a name, in upper or lower case as in SQL; None if there is none."""
    return await DatasetRepository(session).named(space_id, name)


async def page_datasets(
    session: AsyncSession, space_id: str, request: PageRequest
) -> Page[Dataset]:
    """Return a page of the datasets of a space, oldest first."""
    return await DatasetRepository(session).page(space_id, request=request)


async def update_dataset(
    session: AsyncSession,
    keyring: Keyring,
    *,
    workspace_id: str,
    space_id: str,
    dataset_id: str,
    source: Mapping[str, Any] | None,
    file: Mapping[str, Any] | None = None,
    permits_roles: bool = False,
    actor: str,
    now: datetime,
) -> Dataset:
    """Change the database or file of a dataset. Raises Conflict if it has none, and Invalid if the changes do not fit."""
    dataset = await DatasetRepository(session).require(space_id, dataset_id, lock="update")
    _require_source(dataset)
    for named, given, fits in (("source", source, is_database), ("file", file, is_file)):
        if given is not None and not fits(dataset):
            raise Conflict(
                f"The dataset has the kind {dataset.kind}; it has no {named}.", field=named
            )
    before = dataset_fields(keyring, workspace_id, dataset)
    if source:
        _change_source(dataset, keyring, workspace_id, source)
    if file:
        _change_file(dataset, keyring, workspace_id, file, permits_roles=permits_roles)
    if source or file:
        dataset.updated_by, dataset.updated_at = actor, now
        await session.flush()
        after = dataset_fields(keyring, workspace_id, dataset)
        await record_change(
            session, "dataset", dataset, "Dataset Modified", actor, before=before, after=after
        )
    return dataset


def _change_source(
    dataset: Dataset, keyring: Keyring, workspace_id: str, source: Mapping[str, Any]
) -> None:
    former = sources.source_of(keyring, workspace_id, dataset)
    changed = sources.changed_source(former, source)
    if changed != former:
        dataset.settings = sources.seal_source(keyring, workspace_id, dataset.id, changed)
    if changed.sql != former.sql:
        dataset.columns = {}  # of what was read before


def _change_file(
    dataset: Dataset,
    keyring: Keyring,
    workspace_id: str,
    file: Mapping[str, Any],
    *,
    permits_roles: bool,
) -> None:
    former = file_sources.file_of(keyring, workspace_id, dataset)
    changed = file_sources.changed_file(former, file, permits_roles=permits_roles)
    if changed != former:
        dataset.settings = file_sources.seal_file(keyring, workspace_id, dataset.id, changed)
    if _is_other_content(former, changed):
        dataset.file_read = None  # the next run reads it, whatever its version


def _is_other_content(former: ObjectSource, changed: ObjectSource) -> bool:
    return any(
        getattr(former, name) != getattr(changed, name)
        for name in ("url", "file_format", "delimiter", "charset", "endpoint_url")
    )


def _require_source(dataset: Dataset) -> None:
    if dataset.settings is None:
        raise Conflict("The dataset's content is uploaded; it has no source.")


async def check_dataset(
    platform: Platform, *, workspace_id: str, space_id: str, dataset_id: str, now: datetime
) -> DatasetCheck:
    """Check a dataset's database, and store its columns, or look at its file. No transaction is open. Raises Conflict for an upload."""
    async with platform.unit_of_work() as session:
        dataset = await get_dataset(session, space_id, dataset_id)
        _require_source(dataset)
    if is_file(dataset):
        return await _check_file(platform, workspace_id, dataset, now)
    return await _check_database(platform, workspace_id, dataset, now)


async def _check_file(
    platform: Platform, workspace_id: str, dataset: Dataset, now: datetime
) -> DatasetCheck:
    try:
        async with platform.readings.short:
            message, was_read = await look_at_file(platform, workspace_id, dataset, now=now)
    except ConnectorError as error:
        return DatasetCheck(False, error.message)
    columns = dict(dataset.columns.get("columns") or ()) if was_read else None
    return DatasetCheck(True, message, columns)


async def _check_database(
    platform: Platform, workspace_id: str, dataset: Dataset, now: datetime
) -> DatasetCheck:
    seen, space_id, dataset_id = dataset.settings, dataset.space_id, dataset.id
    source = sources.source_of(platform.keyring, workspace_id, dataset)
    try:
        async with platform.readings.short:
            found = await check_source(source, now, policy=platform.outbound)
    except ConnectorError as error:
        return DatasetCheck(False, error.message)
    if found.columns is not None:
        async with platform.unit_of_work() as session:
            row = await DatasetRepository(session).get(space_id, dataset_id, lock="update")
            # The source may have changed during the check.
            if row is not None and row.settings == seen:
                row.columns = columns_to_json(found.columns)
    return DatasetCheck(True, found.message, found.columns, list(found.warnings))


async def delete_dataset(
    session: AsyncSession,
    keyring: Keyring,
    *,
    workspace_id: str,
    space_id: str,
    dataset_id: str,
    actor: str,
) -> None:
    """Remove a dataset. Raises Conflict, naming the audiences, while definitions name it."""
    repository = DatasetRepository(session)
    dataset = await repository.require(space_id, dataset_id, lock="remove")
    users = await AudienceRepository(session).naming(space_id, dataset.name)
    if users:
        named = ", ".join(f"{audience.name} ({audience.id})" for audience in users[:_NAMED])
        more = f" and {len(users) - _NAMED} more" if len(users) > _NAMED else ""
        raise Conflict(
            f"The dataset is named by the definition of {named}{more}.",
            data={"audiences": [audience.id for audience in users]},
        )
    before = dataset_fields(keyring, workspace_id, dataset)
    await record_change(session, "dataset", dataset, "Dataset Deleted", actor, before=before)
    await repository.delete(dataset)
    await session.flush()
