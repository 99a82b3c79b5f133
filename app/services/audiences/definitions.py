"""Checks of definitions: empty (members are supplied), or SQL over the datasets of a space or in one of them.

SQL whose first line is ``-- run in: <dataset>`` runs in the database of that dataset, in PostgreSQL's dialect.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid, Problem
from app.services.datasets import is_database
from app.snapshots.definitions import check_definition
from app.sources import StatementRejected, read_statement
from app.storage.repositories.datasets import DatasetRepository

_COMMENTS = re.compile(r"\A(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*", re.DOTALL)
_BEGINNING = re.compile(r"(?:select|with)\b", re.IGNORECASE)
_RUN_IN = re.compile(r"\A\s*--[ \t]*run in:([^\n]*)", re.IGNORECASE)
_SHOWN = 20  # databases that an error names
FIELD = "definition.query"


def run_in(query: str) -> str | None:
    """Return the dataset in whose database a definition runs, or None if it runs over the space's datasets."""
    match = _RUN_IN.match(query)
    return match.group(1).strip(" \t\r") if match else None


async def checked_definition(session: AsyncSession, space_id: str, query: str) -> str:
    """Check a definition. Returns it in the form in which it is stored. Raises Invalid with a problem for each fault."""
    if not query.strip():
        return ""
    target = run_in(query)
    if target is not None:
        await _check_target(session, space_id, target)
    if not _BEGINNING.match(query, _COMMENTS.match(query).end()):  # type: ignore[union-attr]  # matches anything
        raise Invalid(
            "a definition is empty (members are supplied) or SQL that begins with SELECT or WITH; "
            "Segment's own query language is not understood",
            field=FIELD,
        )
    # Parsing SQL takes some milliseconds, too long for the event loop.
    check = _faults_there if target is not None else _faults_here
    faults = await asyncio.to_thread(check, query)
    if faults and target is None:  # the names of the datasets help to say what is meant
        names = [dataset.name for dataset in await DatasetRepository(session).in_space(space_id)]
        faults = await asyncio.to_thread(_faults_here, query, names)
    if faults:
        raise Invalid("invalid definition", problems=[Problem(fault, FIELD) for fault in faults])
    return query


def _faults_here(query: str, datasets: Collection[str] | None = None) -> Sequence[str]:
    return [problem.message for problem in check_definition(query, datasets)]


def _faults_there(query: str) -> Sequence[str]:
    try:
        read_statement(query)
    except StatementRejected as error:
        return error.reasons
    return ()


async def _check_target(session: AsyncSession, space_id: str, target: str) -> None:
    repository = DatasetRepository(session)
    dataset = await repository.named(space_id, target, lock="read")
    if dataset is not None and is_database(dataset):
        return
    databases = [
        dataset.name for dataset in await repository.readable(space_id) if is_database(dataset)
    ]
    shown = ", ".join(databases[:_SHOWN]) or "none yet (create one: POST …/datasets, kind postgres)"
    raise Invalid(
        f"the definition is to run in {target[:100] or 'nothing'}, which is no database among the datasets of this "
        f"space; there are: {shown}",
        field=FIELD,
    )
