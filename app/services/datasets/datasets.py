"""Datasets: named tables of a space, filled by uploads or read from databases, for SQL definitions."""

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
from app.services.datasets import sources
from app.services.datasets.dataset_content import columns_to_json
from app.services.datasets.sources import POSTGRES
from app.services.platform import Platform
from app.services.tenancy import record_change
from app.sources import check_source
from app.storage.models import Dataset
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.datasets import DatasetRepository

_NAMED = 10  # audiences that an error names


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """Whether a dataset's database can be read, and its columns with the engine's types."""

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
    """Create a dataset without content, or one that is read from a database; nothing is read yet.

    Raises Conflict if the name is in use (in upper or lower case), and Invalid if the source is not valid.
    """
    _check_kind(kind, source)
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
    repository.add(dataset)
    await session.flush()
    await session.refresh(dataset)
    await record_change(session, "dataset", dataset, "Dataset Created", actor)
    return dataset


def _check_kind(kind: str, source: Mapping[str, Any] | None) -> None:
    if (kind == POSTGRES) != (source is not None):
        fault = (
            "is required for the kind postgres" if source is None else "is for the kind postgres"
        )
        raise Invalid(f'"source": {fault}', field="source")


async def get_dataset(session: AsyncSession, space_id: str, dataset_id: str) -> Dataset:
    """Read a dataset of a space. Raises NotFound."""
    return await DatasetRepository(session).require(space_id, dataset_id)


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
    actor: str,
    now: datetime,
) -> Dataset:
    """Change the source of a dataset. Raises Conflict if it has none, and Invalid if the new source is not valid."""
    dataset = await DatasetRepository(session).require(space_id, dataset_id, lock="update")
    _require_database(dataset)
    if source:
        _change_source(dataset, keyring, workspace_id, source)
        dataset.updated_by, dataset.updated_at = actor, now
        await session.flush()
        await record_change(session, "dataset", dataset, "Dataset Modified", actor)
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


def _require_database(dataset: Dataset) -> None:
    if dataset.settings is None:
        raise Conflict("The dataset's content is uploaded; it has no source.")


async def check_dataset(
    platform: Platform, *, workspace_id: str, space_id: str, dataset_id: str, now: datetime
) -> DatasetCheck:
    """Read a dataset's database, with no transaction open, and store its columns. Raises Conflict for an upload."""
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
            # The source may have changed during the check.
            if row is not None and row.settings == seen:
                row.columns = columns_to_json(found.columns)
    return DatasetCheck(True, found.message, found.columns, list(found.warnings))


async def delete_dataset(
    session: AsyncSession, space_id: str, dataset_id: str, *, actor: str
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
    await record_change(session, "dataset", dataset, "Dataset Deleted", actor)
    await repository.delete(dataset)
    await session.flush()
