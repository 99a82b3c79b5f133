"""Queries of destination connections. The space and the audience are the first arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict
from app.core.pagination import Position
from app.storage.models import Activation, Destination, DestinationConnection
from app.storage.repositories import keyset

Connected = tuple[DestinationConnection, Destination]


class ConnectionRepository:
    """The connections of an audience."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(
        self,
        space_id: str,
        audience_id: str,
        connection_id: str,
        *,
        lock: Literal["share", "update"] | None = None,
    ) -> DestinationConnection | None:
        """One connection, by its id; ``share`` keeps it from being removed, ``update`` from any change."""
        query = select(DestinationConnection).where(
            DestinationConnection.space_id == space_id,
            DestinationConnection.audience_id == audience_id,
            DestinationConnection.id == connection_id,
        )
        if lock is not None:
            shared = lock == "share"
            query = query.with_for_update(read=shared, key_share=shared).execution_options(
                populate_existing=True
            )
        return (await self._session.scalars(query)).first()

    async def made_lists(self, activation: Activation) -> Mapping[str, str]:
        """Read the lists that were made for an activation's connection, as ``{key of DestinationConnection.lists: list id}``."""
        if activation.connection_id is None:
            return {}
        query = (
            select(DestinationConnection)
            .where(
                DestinationConnection.space_id == activation.space_id,
                DestinationConnection.id == activation.connection_id,
            )
            .execution_options(populate_existing=True)
        )
        connection = (await self._session.scalars(query)).first()
        return connection.lists if connection else {}

    async def id_of_destination(
        self, space_id: str, audience_id: str, destination_id: str
    ) -> str | None:
        """The connection of an audience to an account."""
        query = select(DestinationConnection.id).where(
            DestinationConnection.space_id == space_id,
            DestinationConnection.audience_id == audience_id,
            DestinationConnection.destination_id == destination_id,
        )
        return (await self._session.scalars(query)).first()

    async def add(self, connection: DestinationConnection) -> None:
        """A new connection; Conflict where the account is connected already."""
        self._session.add(connection)
        try:
            await self._session.flush()
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) != "23505":
                raise
            raise Conflict("this destination is connected to the audience already") from None

    async def walk(
        self, space_id: str, audience_id: str, position: Position, limit: int
    ) -> list[Connected]:
        """Connections with their accounts in the order of making, from a position on."""
        query = (
            select(DestinationConnection, Destination)
            .join(
                Destination,
                and_(
                    Destination.space_id == DestinationConnection.space_id,
                    Destination.id == DestinationConnection.destination_id,
                ),
            )
            .where(
                DestinationConnection.space_id == space_id,
                DestinationConnection.audience_id == audience_id,
            )
        )
        query = keyset.walk(query, (DestinationConnection.id,), position.key, position, limit=limit)
        return [(row[0], row[1]) for row in await self._session.execute(query)]

    async def count(self, space_id: str, audience_id: str) -> int:
        """How many an audience has."""
        query = select(func.count()).where(
            DestinationConnection.space_id == space_id,
            DestinationConnection.audience_id == audience_id,
        )
        return (await self._session.scalar(query)) or 0

    async def activations_on(self, space_id: str, connection_id: str) -> Sequence[Activation]:
        """Living activations of a connection, locked, in the order of making."""
        query = (
            select(Activation)
            .where(
                Activation.space_id == space_id,
                Activation.connection_id == connection_id,
                Activation.deleted_at.is_(None),
            )
            .order_by(Activation.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return (await self._session.scalars(query)).all()

    async def remove(self, connection: DestinationConnection) -> None:
        """Remove a connection on which no living activation hangs; removed ones let go of it."""
        space_id, connection_id = connection.space_id, connection.id
        await self._session.execute(
            update(Activation)
            .where(Activation.space_id == space_id, Activation.connection_id == connection_id)
            .values(connection_id=None)
            .execution_options(synchronize_session=False)
        )
        await self._session.execute(
            delete(DestinationConnection)
            .where(
                DestinationConnection.space_id == space_id,
                DestinationConnection.id == connection_id,
            )
            .execution_options(synchronize_session=False)
        )
        self._session.expunge(connection)
