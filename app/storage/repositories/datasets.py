"""Datasets of a space."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, func, or_, select

from app.storage.models import Dataset
from app.storage.repositories.base import Lock, Repository
from app.storage.repositories.built import built


class DatasetRepository(Repository[Dataset]):
    """Table ``dataset``."""

    model = Dataset
    noun = "dataset"
    key = (Dataset.space_id, Dataset.id)
    parent = (Dataset.space_id,)

    async def readable(self, space_id: str) -> Sequence[Dataset]:
        """Read the datasets that have content: an uploaded file, or a database."""
        return await self._all(_readable(space_id))

    async def in_space(self, space_id: str) -> Sequence[Dataset]:
        """Read all datasets of a space, by name."""
        query = select(Dataset).where(Dataset.space_id == space_id)
        return await self._all(query.order_by(Dataset.name))

    async def named(self, space_id: str, name: str, *, lock: Lock = None) -> Dataset | None:
        """Read the dataset of a name, in upper or lower case, as SQL does."""
        return await self._first(_named(space_id, name.lower()), lock)


@built
def _readable(space_id: str) -> Select[Dataset]:
    return (
        select(Dataset)
        .where(
            Dataset.space_id == space_id,
            or_(Dataset.file.is_not(None), Dataset.settings.is_not(None)),
        )
        .order_by(Dataset.name)
    )


@built
def _named(space_id: str, name: str) -> Select[Dataset]:
    return select(Dataset).where(Dataset.space_id == space_id, func.lower(Dataset.name) == name)
