"""New contents that break audiences: the content of a dataset that definitions read becomes empty, or loses or changes columns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict
from app.core.suggestions import listed
from app.domain.reshaped import reshaped
from app.snapshots.definitions import columns_used, tables_of
from app.snapshots.engine import DatasetStats
from app.storage.models import Audience, Dataset
from app.storage.repositories.audiences import AudienceRepository


@dataclass(frozen=True, slots=True)
class _Broken:
    """What an upload changes for one audience."""

    audience: Audience
    changes: Sequence[str]


UPLOAD = "This upload"
REPEAT = (
    "Nothing was changed. Send a complete file, or repeat the request with allowBreaking=true; the content before is kept for "
    "30 days and can be restored."
)


async def refuse_breaking(
    session: AsyncSession,
    dataset: Dataset,
    stats: DatasetStats,
    rows: int,
    *,
    what: str = UPLOAD,
    way_out: str = REPEAT,
) -> None:
    """Raise Conflict, naming the audiences, if new content of ``rows`` rows empties or reshapes what definitions read.

    ``what`` and ``way_out`` are the beginning and the end of the message.
    """
    if dataset.file is None:
        return
    users = await AudienceRepository(session).naming(dataset.space_id, dataset.name)
    broken = [one for user in users if (one := await _broken(dataset, stats, rows, user)).changes]
    if not broken:
        return
    changes = list(dict.fromkeys(change for one in broken for change in one.changes))
    named = listed([f"{one.audience.name} ({one.audience.id})" for one in broken])
    raise Conflict(
        f"{what} breaks what audiences read: {listed(changes)}. Audiences: {named}. {way_out}",
        data=_data(changes, broken),
    )


def _data(changes: Sequence[str], broken: Sequence[_Broken]) -> dict[str, Any]:
    return {"changes": list(changes), "audiences": [one.audience.id for one in broken]}


async def _broken(dataset: Dataset, stats: DatasetStats, rows: int, user: Audience) -> _Broken:
    if dataset.name.lower() not in await asyncio.to_thread(tables_of, user.query):
        return _Broken(user, [])
    if not rows and dataset.row_count:
        return _Broken(
            user, [f"the dataset {dataset.name} has {dataset.row_count:,} rows and would have none"]
        )
    read = await asyncio.to_thread(columns_used, user.query)
    after = list(stats.columns.items())
    if not rows or not dataset.row_count:
        # Types of columns without values say nothing.
        after = _with_types(dataset, after)
    return _Broken(user, list(reshaped(dataset.columns.get("columns") or (), after, read)))


def _with_types(dataset: Dataset, after: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the new columns with the types that they had."""
    known = {name.lower(): kind for name, kind in dataset.columns.get("columns") or ()}
    return [(name, known.get(name.lower(), kind)) for name, kind in after]
