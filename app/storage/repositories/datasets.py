"""Datasets of a space."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, or_, select

from app.storage.models import Dataset
from app.storage.repositories.base import Repository


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

    async def named(self, space_id: str, name: str, *, lock: bool = False) -> Dataset | None:
        """Read the dataset of a name, in upper or lower case, as SQL does.

        With ``lock`` it can be neither changed nor deleted until the transaction ends.
        """
        query = select(Dataset).where(
            Dataset.space_id == space_id, func.lower(Dataset.name) == name.lower()
        )
        return await self._first(query.with_for_update(read=True) if lock else query)
