"""Where an erased person may come from again: databases and files of the user, which the service only reads."""

from __future__ import annotations

from app.services.platform import Platform
from app.storage.repositories.datasets import DatasetRepository


async def find_returns(platform: Platform, space_id: str) -> list[str]:
    """Return the ids of the datasets that are read from databases or files of the user at each run."""
    async with platform.unit_of_work() as session:
        datasets = await DatasetRepository(session).in_space(space_id)
    return [dataset.id for dataset in datasets if dataset.settings is not None]
