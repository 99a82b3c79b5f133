"""Accounts at partners."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import Position
from app.storage.models import Activation, Audience, Destination, DestinationConnection


class DestinationRepository:
    """All queries about accounts."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def get(
        self, space_id: str, destination_id: str, *, lock: bool = False
    ) -> Destination | None:
        """One account, locked for an update where asked."""
        query = select(Destination).where(
            Destination.space_id == space_id, Destination.id == destination_id
        )
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return (await self.session.scalars(query)).first()

    async def walk(self, space_id: str, position: Position, limit: int) -> Sequence[Destination]:
        """In the order of making, from a position on; before one, in the opposite order."""
        query = select(Destination).where(Destination.space_id == space_id)
        if position.side == "before":
            query = query.where(Destination.id < position.key[0]).order_by(Destination.id.desc())
        else:
            query = query.order_by(Destination.id)
            if position.side == "after":
                query = query.where(Destination.id > position.key[0])
        return (await self.session.scalars(query.limit(limit))).all()

    async def count(self, space_id: str) -> int:
        """How many a space has."""
        query = select(func.count()).where(Destination.space_id == space_id)
        return (await self.session.scalar(query)) or 0

    async def audiences_connected(self, space_id: str, destination_id: str) -> Sequence[Audience]:
        """Audiences that have a connection to the account."""
        query = (
            select(Audience)
            .join(
                DestinationConnection,
                (DestinationConnection.space_id == Audience.space_id)
                & (DestinationConnection.audience_id == Audience.id),
            )
            .where(
                Audience.space_id == space_id,
                DestinationConnection.destination_id == destination_id,
            )
            .order_by(Audience.created_at)
        )
        return (await self.session.scalars(query)).all()

    async def activations_using(self, space_id: str, destination_id: str) -> Sequence[Activation]:
        """Living activations of the account."""
        query = (
            select(Activation)
            .where(
                Activation.space_id == space_id,
                Activation.destination_id == destination_id,
                Activation.deleted_at.is_(None),
            )
            .order_by(Activation.id)
        )
        return (await self.session.scalars(query)).all()

    def add(self, destination: Destination) -> None:
        """A new account."""
        self.session.add(destination)

    async def delete(self, destination: Destination) -> None:
        """Remove an account that nothing uses."""
        await self.session.delete(destination)
