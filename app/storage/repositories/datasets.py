"""Datasets of a space."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, or_, select

from app.storage.models import Dataset
from app.storage.repositories.base import Lock, Repository


class DatasetRepository(Repository[Dataset]):
    """Table ``dataset``."""

    model = Dataset
    noun = "dataset"
    key = (Dataset.space_id, Dataset.id)
    parent = (Dataset.space_id,)

    async def readable(self, space_id: str) -> Sequence[Dataset]:
        """Read the datasets that have content: an uploaded file, or a database."""
        query = select(Dataset).where(
            Dataset.space_id == space_id,
            or_(Dataset.file.is_not(None), Dataset.settings.is_not(None)),
        )
        return await self._all(query.order_by(Dataset.name))

    async def named(self, space_id: str, name: str, *, lock: Lock = None) -> Dataset | None:
        """Read the dataset of a name, in upper or lower case, as SQL does."""
        query = select(Dataset).where(
            Dataset.space_id == space_id, func.lower(Dataset.name) == name.lower()
        )
        return await self._first(query, lock)
