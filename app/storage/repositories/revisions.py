"""Queries of an activation's revisions."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import ActivationRevision


class RevisionRepository:
    """The revisions of activations; they are only ever added."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def newest_number(self, space_id: str, activation_id: str) -> int:
        """The number of the newest revision; 0 where there is none."""
        query = select(func.max(ActivationRevision.number)).where(
            ActivationRevision.space_id == space_id,
            ActivationRevision.activation_id == activation_id,
        )
        return (await self._session.scalar(query)) or 0

    def add(self, revision: ActivationRevision) -> None:
        """A new revision."""
        self._session.add(revision)
