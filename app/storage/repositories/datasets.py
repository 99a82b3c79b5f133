"""Datasets of a space."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import Position
from app.storage.models import Audience, Dataset


class DatasetRepository:
    """All queries about datasets."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def get(self, space_id: str, dataset_id: str, *, lock: bool = False) -> Dataset | None:
        """One dataset, locked for an update where asked."""
        query = select(Dataset).where(Dataset.space_id == space_id, Dataset.id == dataset_id)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def walk(self, space_id: str, position: Position, limit: int) -> Sequence[Dataset]:
        """In the order of making, from a position on; before one, in the opposite order."""
        query = select(Dataset).where(Dataset.space_id == space_id)
        if position.side == "before":
            query = query.where(Dataset.id < position.key[0]).order_by(Dataset.id.desc())
        else:
            query = query.order_by(Dataset.id)
            if position.side == "after":
                query = query.where(Dataset.id > position.key[0])
        return (await self.session.scalars(query.limit(limit))).all()

    async def count(self, space_id: str) -> int:
        """How many a space has."""
        query = select(func.count()).where(Dataset.space_id == space_id)
        return (await self.session.scalar(query)) or 0

    async def readable(self, space_id: str) -> Sequence[Dataset]:
        """Those that there is something to read of: the ones whose content was put, and databases."""
        query = select(Dataset).where(
            Dataset.space_id == space_id,
            or_(Dataset.file.is_not(None), Dataset.settings.is_not(None)),
        )
        return (await self.session.scalars(query.order_by(Dataset.name))).all()

    async def named(self, space_id: str, name: str, *, lock: bool = False) -> Dataset | None:
        """The dataset of a name; SQL does not tell upper from lower case, so neither does this.

        ``lock``: it stays until the transaction ends.
        """
        query = select(Dataset).where(
            Dataset.space_id == space_id, func.lower(Dataset.name) == name.lower()
        )
        if lock:
            query = query.with_for_update(read=True)
        return (await self.session.scalars(query)).first()

    async def audiences_naming(self, space_id: str, name: str) -> Sequence[Audience]:
        """Audiences in whose definition the name stands as a word of its own."""
        query = (
            select(Audience)
            .where(
                Audience.space_id == space_id,
                Audience.query.regexp_match(rf"\m{re.escape(name)}\M", flags="i"),
            )
            .order_by(Audience.created_at)
        )
        return (await self.session.scalars(query)).all()

    def add(self, dataset: Dataset) -> None:
        """A new dataset."""
        self.session.add(dataset)

    async def delete(self, dataset: Dataset) -> None:
        """Remove the row; its file is collected later."""
        await self.session.delete(dataset)
