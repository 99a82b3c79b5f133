"""Warnings about audiences, computed from their definitions and the columns of the datasets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.names import blank_name_warning
from app.domain.save_warnings import SaveWarning, WarningCode
from app.services.audiences.definitions import FIELD, run_in
from app.services.audiences.resolution import resolution_warnings, resolve_definition
from app.snapshots.definitions import analyse_with_floats, tables_of
from app.storage.models import Audience, Dataset
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.datasets import DatasetRepository
from app.storage.repositories.schedules import ScheduleRepository

#: Options of Segment's audiences that nothing reads here, with what to do instead. ``true`` is what always applies.
_UNUSED_OPTIONS = {
    "filterByExternalIds": "The identifiers of a member are the columns that the definition returns, or that are uploaded.",
    "includeHistoricalData": "A definition reads the whole content of its datasets. Write the time into it, with $as_of.",
    "backfillEventDataDays": "Write the time into the definition: WHERE day > CAST($as_of AS DATE) - 30.",
}
_FLOATING = re.compile(r"\b(?:DOUBLE|FLOAT|REAL)\b")


async def audience_warnings(
    session: AsyncSession, space_id: str, audience_id: str
) -> Sequence[SaveWarning]:
    """Return the warnings about an audience. Raises NotFound."""
    audience = await AudienceRepository(session).require(space_id, audience_id)
    return await saved_audience_warnings(session, audience)


async def saved_audience_warnings(
    session: AsyncSession, audience: Audience
) -> Sequence[SaveWarning]:
    """Return the warnings about an audience as it is saved."""
    plain = [*_field_warnings(audience), *await _schedule_warnings(session, audience)]
    if not audience.query:
        return plain
    found = await resolve_definition(
        session, audience.space_id, audience.query, audience.audience_type
    )
    notes = await _order_notes(session, audience.space_id, audience.query)
    order = [SaveWarning(WarningCode.ORDER_DEPENDENT, FIELD, note) for note in notes]
    return [*plain, *resolution_warnings(found), *order]


def _field_warnings(audience: Audience) -> Iterator[SaveWarning]:
    """Yield a warning for a blank name, and for each field that is stored for Segment's clients only."""
    if (blank := blank_name_warning(audience.name, "name")) is not None:
        yield blank
    if audience.target_entity is not None and audience.audience_type != "LINKED":
        words = f"An audience of the type {audience.audience_type} has no entities, so the entity is not used."
        yield SaveWarning(WarningCode.OPTION_WITHOUT_EFFECT, "definition.targetEntity", words)
    options = audience.options or {}
    for name, way_out in _UNUSED_OPTIONS.items():
        value = options.get(name)
        if value is not None and value is not True:
            yield SaveWarning(
                WarningCode.OPTION_WITHOUT_EFFECT,
                f"options.{name}",
                f"The option is stored, and nothing reads it. {way_out}",
            )


async def _schedule_warnings(session: AsyncSession, audience: Audience) -> Sequence[SaveWarning]:
    """Return a warning if a disabled audience has schedules."""
    if audience.enabled:
        return ()
    found = await ScheduleRepository(session).of_audiences(audience.space_id, [audience.id])
    if not found:
        return ()
    words = (
        "The audience is disabled, so none of its schedules computes it. Enable it, or remove them."
    )
    return [SaveWarning(WarningCode.OPTION_WITHOUT_EFFECT, "enabled", words)]


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
