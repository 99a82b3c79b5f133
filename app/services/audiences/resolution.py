"""Names in definitions, resolved when one is saved or checked: tables, columns, functions, and the columns of the ids."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid, Problem
from app.domain.save_warnings import SaveWarning, WarningCode
from app.services.audiences.definitions import FIELD, checked_definition, run_in
from app.services.datasets import is_database, is_file
from app.services.platform import Platform
from app.snapshots.definitions import (
    Binding,
    bind_definition,
    check_definition,
    key_faults,
    tables_of,
)
from app.storage.models import Dataset
from app.storage.repositories.datasets import DatasetRepository

_IDS = {"LINKED": ("entity_id", "profile_id")}


@dataclass(frozen=True, slots=True)
class Resolution:
    """What cannot be resolved in a definition, one sentence each. ``certain``: no later state of a database can change that."""

    faults: Sequence[str] = ()
    certain: bool = True
    warnings: Sequence[SaveWarning] = ()


async def resolve_definition(
    session: AsyncSession, space_id: str, query: str, audience_type: str
) -> Resolution:
    """Resolve the names of a definition over the datasets of a space.

    The columns of a database are those of its last check, so what is not found there is not certain. A definition that runs in
    a database is not resolved: only the database knows its tables.
    """
    used = await _readable(session, space_id, query)
    if isinstance(used, Resolution):
        return used
    binding = await _bind(space_id, query, used)
    faults = [binding.fault] if binding.fault else []
    if binding.columns is not None:
        faults += key_faults(binding.columns, _IDS.get(audience_type, ("profile_id",)))
    return Resolution(faults, certain=not any(is_database(one) for one in used))


async def resolve_ahead(platform: Platform, space_id: str, query: str) -> None:
    """Resolve a definition before it is saved, with no transaction open.

    The result is remembered. Without this, a save holds a connection and locks for the seconds that a child process may take.
    Faults are left to the save.
    """
    if not query.strip():
        return
    used = await _readable(platform.reading(), space_id, query)
    if not isinstance(used, Resolution):
        await _bind(space_id, query, used)


async def _readable(
    session: AsyncSession, space_id: str, query: str
) -> Resolution | Sequence[Dataset]:
    """Return the datasets that a definition reads, or the resolution if names need not or cannot be resolved."""
    if not query or run_in(query) is not None:
        return Resolution()
    datasets = await DatasetRepository(session).in_space(space_id)
    names = [dataset.name for dataset in datasets]
    if problems := await asyncio.to_thread(check_definition, query, names):
        return Resolution([problem.message for problem in problems])
    tables = await asyncio.to_thread(tables_of, query)
    used = [dataset for dataset in datasets if dataset.name.lower() in tables]
    if warnings := list(_unknown_contents(used)):
        return Resolution(warnings=warnings)
    return used


async def _bind(space_id: str, query: str, used: Sequence[Dataset]) -> Binding:
    columns = {dataset.name: dataset.columns["columns"] for dataset in used}
    return await bind_definition(query, columns, owner=space_id)


async def saved_definition(
    session: AsyncSession, space_id: str, query: str, audience_type: str
) -> str:
    """Check a definition that is to be saved. Returns it in the form in which it is stored.

    Raises Invalid with a problem for each fault, also for names that certainly cannot be resolved.
    """
    stored = await checked_definition(session, space_id, query)
    found = await resolve_definition(session, space_id, stored, audience_type)
    if found.faults and found.certain:
        raise Invalid("invalid definition", problems=[Problem(one, FIELD) for one in found.faults])
    return stored


def resolution_warnings(found: Resolution) -> Sequence[SaveWarning]:
    """Return what was found as warnings: for a definition that was saved before a dataset changed, or that reads a database."""
    advice = (
        "" if found.certain else " If the database has changed, check its dataset (POST …/checks)."
    )
    unresolved = [
        SaveWarning(WarningCode.UNRESOLVED_NAME, FIELD, f"{_ended(fault)}{advice}")
        for fault in found.faults
    ]
    return [*unresolved, *found.warnings]


def _ended(fault: str) -> str:
    return fault if fault.endswith((".", "?", "!")) else f"{fault}."


def _unknown_contents(used: Sequence[Dataset]) -> Iterator[SaveWarning]:
    for dataset in used:
        if is_database(dataset) and not dataset.columns.get("columns"):
            yield SaveWarning(
                WarningCode.DATASET_NOT_CHECKED,
                FIELD,
                f"The columns of the dataset {dataset.name} ({dataset.id}) are not known, so names in the definition were not "
                "checked. Check its database: POST …/datasets/{id}/checks.".replace(
                    "{id}", dataset.id
                ),
            )
        elif is_file(dataset) and dataset.file is None:
            yield SaveWarning(
                WarningCode.DATASET_WITHOUT_CONTENT,
                FIELD,
                f"The file of the dataset {dataset.name} ({dataset.id}) was not read yet, so names in the definition were not "
                "checked. The first preview or run reads it.",
            )
        elif not is_database(dataset) and dataset.file is None:
            yield SaveWarning(
                WarningCode.DATASET_WITHOUT_CONTENT,
                FIELD,
                f"The dataset {dataset.name} ({dataset.id}) has no content, so no run can end. Upload it: "
                f"PUT …/datasets/{dataset.id}/content.",
            )
