"""Accounts at partners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import Position
from app.storage.models import (
    Activation,
    ActivationRevision,
    Audience,
    Destination,
    DestinationConnection,
)
from app.storage.repositories.activations import CURRENT_REVISION


@dataclass(frozen=True, slots=True)
class Use:
    """A connection to an account, with one of its activations; the last three are None where it has none."""

    connection_id: str
    audience_id: str
    audience_name: str
    lists: Mapping[str, str]  # that were made for the connection
    connection_settings: Mapping[str, Any]
    activation_id: str | None
    activation_name: str | None
    config: Mapping[str, Any] | None


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

    async def uses(self, space_id: str, destination_id: str) -> Sequence[Use]:
        """Connections to the account, each with its living activations and what these are told now."""
        query = (
            select(
                DestinationConnection,
                Audience.name,
                Activation.id,
                Activation.name,
                ActivationRevision.config,
            )
            .join(
                Audience,
                and_(
                    Audience.space_id == DestinationConnection.space_id,
                    Audience.id == DestinationConnection.audience_id,
                ),
            )
            .outerjoin(
                Activation,
                and_(
                    Activation.space_id == DestinationConnection.space_id,
                    Activation.connection_id == DestinationConnection.id,
                    Activation.deleted_at.is_(None),
                ),
            )
            .outerjoin(ActivationRevision, CURRENT_REVISION)
            .where(
                DestinationConnection.space_id == space_id,
                DestinationConnection.destination_id == destination_id,
            )
            .order_by(DestinationConnection.id, Activation.id)
        )
        return [
            Use(
                connection.id,
                connection.audience_id,
                audience,
                connection.lists,
                connection.connection_settings or {},
                activation_id,
                activation_name,
                config,
            )
            for connection, audience, activation_id, activation_name, config in (
                await self.session.execute(query)
            )
        ]

    def add(self, destination: Destination) -> None:
        """A new account."""
        self.session.add(destination)

    async def delete(self, destination: Destination) -> None:
        """Remove an account that nothing uses."""
        await self.session.delete(destination)
