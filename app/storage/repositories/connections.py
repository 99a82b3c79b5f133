"""Destination connections. The space and the audience are the first arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Select, and_, delete, select
from sqlalchemy.exc import IntegrityError

from app.core.errors import Conflict
from app.core.pagination import Position
from app.storage.models import Activation, Destination, DestinationConnection
from app.storage.repositories import keyset
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.base import Lock, Repository
from app.storage.repositories.built import built

Connected = tuple[DestinationConnection, Destination]


class ConnectionRepository(Repository[DestinationConnection]):
    """Table ``destination_connection``."""

    model = DestinationConnection
    noun = "destination connection"
    key = (
        DestinationConnection.space_id,
        DestinationConnection.audience_id,
        DestinationConnection.id,
    )
    parent = (DestinationConnection.space_id, DestinationConnection.audience_id)

    async def of_activation(
        self, activation: Activation, *, lock: Lock = None
    ) -> DestinationConnection | None:
        """Read the connection of an activation. Returns None if it was deleted with the activation."""
        if activation.connection_id is None:
            return None
        query = _with_id(activation.space_id, activation.connection_id)
        return await self._first(query, lock)

    async def made_lists(self, activation: Activation) -> Mapping[str, str]:
        """Read the lists that were created for the connection of an activation.

        Returns ``{key of DestinationConnection.lists: list id}``.
        """
        connection = await self.of_activation(activation)
        return connection.lists if connection else {}

    async def id_of_destination(
        self, space_id: str, audience_id: str, destination_id: str
    ) -> str | None:
        """Return the id of the connection between an audience and a destination."""
        query = select(DestinationConnection.id).where(
            DestinationConnection.space_id == space_id,
            DestinationConnection.audience_id == audience_id,
            DestinationConnection.destination_id == destination_id,
        )
        return await self._first(query)

    async def ids_of_audience(self, space_id: str, audience_id: str) -> Sequence[str]:
        """Return the ids of all connections of an audience."""
        return await self._all(_ids_of_audience(space_id, audience_id))

    async def insert(self, connection: DestinationConnection) -> None:
        """Insert a connection. Raises Conflict if the audience is connected to the destination already."""
        self.add(connection)
        try:
            await self.session.flush()
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) != "23505":
                raise
            raise Conflict("This destination is connected to the audience already.") from None

    async def walk_connected(
        self, space_id: str, audience_id: str, position: Position, limit: int
    ) -> list[Connected]:
        """Read connections and their destinations, oldest first; before a position newest first."""
        start, key = Position(position.side), position.key
        rows = await self._rows(_connected(space_id, audience_id, start, limit, *key))
        return [(row[0], row[1]) for row in rows]

    async def remove(self, connection: DestinationConnection) -> None:
        """Delete a connection that only deleted activations refer to; their reference is cleared."""
        space_id, connection_id = connection.space_id, connection.id
        await ActivationRepository(self.session).leave_connection(space_id, connection_id)
        await self._write(
            delete(DestinationConnection).where(
                DestinationConnection.space_id == space_id,
                DestinationConnection.id == connection_id,
            )
        )
        self.session.expunge(connection)


@built
def _with_id(space_id: str, connection_id: str) -> Select[DestinationConnection]:
    return select(DestinationConnection).where(
        DestinationConnection.space_id == space_id, DestinationConnection.id == connection_id
    )


@built
def _ids_of_audience(space_id: str, audience_id: str) -> Select[str]:
    return (
        select(DestinationConnection.id)
        .where(
            DestinationConnection.space_id == space_id,
            DestinationConnection.audience_id == audience_id,
        )
        .order_by(DestinationConnection.id)
    )


@built
def _connected(
    space_id: str, audience_id: str, start: Position, limit: int, *key: str
) -> Select[DestinationConnection, Destination]:
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
    return keyset.walk(query, (DestinationConnection.id,), key, start, limit=limit)
