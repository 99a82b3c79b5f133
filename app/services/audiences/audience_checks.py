"""Warnings about audiences, computed from their definitions and the columns of the datasets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.save_warnings import SaveWarning, WarningCode
from app.services.audiences.definitions import FIELD, run_in
from app.services.audiences.resolution import resolution_warnings, resolve_definition
from app.snapshots.definitions import analyse_with_floats, tables_of
from app.storage.models import Audience, Dataset
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.datasets import DatasetRepository

_FLOATING = re.compile(r"\b(?:DOUBLE|FLOAT|REAL)\b")


async def audience_warnings(
    session: AsyncSession, space_id: str, audience_id: str
) -> Sequence[SaveWarning]:
    """Return the warnings about an audience, none if its members are supplied. Raises NotFound."""
    audience = await AudienceRepository(session).require(space_id, audience_id)
    return await saved_audience_warnings(session, audience)


async def saved_audience_warnings(
    session: AsyncSession, audience: Audience
) -> Sequence[SaveWarning]:
    """Return the warnings about an audience as it is saved."""
    if not audience.query:
        return ()
    found = await resolve_definition(
        session, audience.space_id, audience.query, audience.audience_type
    )
    notes = await _order_notes(session, audience.space_id, audience.query)
    order = [SaveWarning(WarningCode.ORDER_DEPENDENT, FIELD, note) for note in notes]
    return [*resolution_warnings(found), *order]


async def _order_notes(session: AsyncSession, space_id: str, query: str) -> Sequence[str]:
    """Return what in a definition depends on the order of rows, one sentence for each."""
    floats: set[str] = set()
    if run_in(query) is None:
        used = await asyncio.to_thread(tables_of, query)
        for dataset in await DatasetRepository(session).readable(space_id) if used else ():
            floats |= _floats(dataset) if dataset.name.lower() in used else set()
    return (await asyncio.to_thread(analyse_with_floats, query, floats)).notes


def _floats(dataset: Dataset) -> set[str]:
    columns = dataset.columns.get("columns") or ()
    return {name.lower() for name, kind in columns if _FLOATING.search(str(kind).upper())}
