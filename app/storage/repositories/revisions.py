"""Queries of an activation's revisions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.sync_states import SyncState
from app.storage.models import ASIDE_KINDS, ActivationRevision, Sync


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

    async def newest(
        self, space_id: str, activation_id: str, *, before: int | None, limit: int
    ) -> Sequence[ActivationRevision]:
        """The newest first, those below the number ``before``."""
        query = select(ActivationRevision).where(
            ActivationRevision.space_id == space_id,
            ActivationRevision.activation_id == activation_id,
        )
        if before is not None:
            query = query.where(ActivationRevision.number < before)
        found = await self._session.scalars(
            query.order_by(ActivationRevision.number.desc()).limit(limit)
        )
        return found.all()

    async def delivered(self, space_id: str, activation_id: str) -> int | None:
        """The number of the revision that the newest complete sync was planned by."""
        query = (
            select(ActivationRevision.number)
            .join(
                Sync,
                (Sync.space_id == ActivationRevision.space_id)
                & (Sync.revision_id == ActivationRevision.id),
            )
            .where(
                Sync.space_id == space_id,
                Sync.activation_id == activation_id,
                Sync.kind.not_in(ASIDE_KINDS),
                Sync.state == SyncState.COMPLETE,
            )
            .order_by(Sync.number.desc())
            .limit(1)
        )
        return await self._session.scalar(query)

    def add(self, revision: ActivationRevision) -> None:
        """A new revision."""
        self._session.add(revision)
