"""The audiences whose definitions name a dataset, and when each has read it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import from_wire
from app.storage.models import Run
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.datasets import DatasetRepository
from app.storage.repositories.runs import RunRepository

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class DatasetUser:
    """An audience whose definition names a dataset. ``read_at`` is None if no run has read it yet."""

    audience_id: str
    audience_name: str
    read_at: datetime | None = None


async def list_users(
    session: AsyncSession, space_id: str, dataset_id: str
) -> Sequence[DatasetUser]:
    """Return the audiences whose definitions name a dataset, oldest first. Raises NotFound."""
    dataset = await DatasetRepository(session).require(space_id, dataset_id)
    users = (await users_by_dataset(session, space_id, [dataset.name]))[dataset.name]
    ids = [user.audience_id for user in users]
    runs = await RunRepository(session).newest_reading(space_id, ids)
    read = {run.audience_id: _read_at(run, dataset_id) for run in runs}
    return [
        DatasetUser(user.audience_id, user.audience_name, read.get(user.audience_id))
        for user in users
    ]


async def users_by_dataset(
    session: AsyncSession, space_id: str, names: Collection[str]
) -> Mapping[str, Sequence[DatasetUser]]:
    """Return the audiences whose definitions name a dataset as a whole word, without the times: ``{dataset name: users}``."""
    found: dict[str, list[DatasetUser]] = {name: [] for name in names}
    if not found:
        return found
    wanted = [name.lower() for name in found]
    for audience_id, audience_name, query in await AudienceRepository(session).defined(space_id):
        text = query.lower()
        words = set(_WORD.findall(text)) if any(name in text for name in wanted) else ()
        for name, users in found.items():
            if name.lower() in words:
                users.append(DatasetUser(audience_id, audience_name))
    return found


def _read_at(run: Run, dataset_id: str) -> datetime | None:
    for source in run.sources or ():
        if source["datasetId"] == dataset_id:
            return from_wire(source["readAt"]) if source.get("readAt") else run.started_at
    return None
