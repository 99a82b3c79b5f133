"""Columns that are encrypted, read through for a change of keys."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.storage.models import Destination, Space


@dataclass(frozen=True, slots=True)
class Sealed:
    """One ciphertext and where it stands."""

    workspace_id: str
    space_id: str
    id: str
    settings: bytes


class EncryptedRepository:
    """Settings of accounts, in the order of their keys."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def page(self, after: tuple[str, str], limit: int) -> list[Sealed]:
        """The next ones, locked, so that nobody changes them meanwhile."""
        query = (
            select(Space.workspace_id, Destination.space_id, Destination.id, Destination.settings)
            .join(Space, Space.id == Destination.space_id)
            .where(tuple_(Destination.space_id, Destination.id) > after)
            .order_by(Destination.space_id, Destination.id)
            .limit(limit)
            .with_for_update(of=Destination)
        )
        return [Sealed(*row) for row in (await self.session.execute(query)).all()]

    async def write(self, sealed: Sealed, settings: bytes) -> None:
        """Put another ciphertext of the same settings; nothing else of the row changes."""
        await self.session.execute(
            update(Destination)
            .where(Destination.space_id == sealed.space_id, Destination.id == sealed.id)
            .values(settings=settings, updated_at=Destination.updated_at)
            .execution_options(synchronize_session=False)
        )
