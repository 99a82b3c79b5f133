"""Connections of an audience to accounts: add, list, update and remove them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors import registry
from app.connectors.base import Definition
from app.core.errors import BadRequest, Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.core.pagination import Page, PageRequest, make_page
from app.core.suggestions import listed
from app.domain.activation_config import connection_part
from app.services.activations.revisions import new_revision
from app.services.revision import check_connection_settings, default_id_sync
from app.services.syncs import configuration_changed
from app.services.tenancy import record_event
from app.storage.models import Activation, Audience, Destination, DestinationConnection
from app.storage.repositories.activations import ActivationRepository
from app.storage.repositories.audiences import AudienceRepository
from app.storage.repositories.base import Lock
from app.storage.repositories.connections import ConnectionRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.repositories.revisions import RevisionRepository

IdSync = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection with its account and the account's catalogue entry."""

    connection: DestinationConnection
    destination: Destination
    definition: Definition


async def add_connection(
    session: AsyncSession,
    *,
    space_id: str,
    audience_id: str,
    destination_id: str,
    destination_type: str,
    id_sync: IdSync | None,
    connection_settings: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
) -> DestinationConnection:
    """Connect an account to an audience.

    Raises NotFound if audience or account do not exist, Conflict if they are already connected, and Invalid for values
    that do not fit.
    """
    audience = await _audience(session, space_id, audience_id)
    _check_type(destination_type)
    destination = await DestinationRepository(session).require(space_id, destination_id)
    connector = registry.get(destination.slug)
    definition = connector.definition
    _check_audience(audience, definition)
    await _refuse_connected(session, space_id, audience_id, destination_id)
    settings = dict(connection_settings) if connection_settings else None
    check_connection_settings(connector, settings or {})
    connection = DestinationConnection(
        space_id=space_id,
        id=new_id("ii"),
        audience_id=audience_id,
        destination_id=destination_id,
        id_sync=_plain(id_sync) if id_sync else default_id_sync(definition),
        id_sync_given=bool(id_sync),
        connection_settings=settings,
        created_at=now,
        updated_at=now,
    )
    await ConnectionRepository(session).insert(connection)
    event, after = "Destination Added into Audience", _fields(connection)
    await _record(session, connection, destination.name, event, actor, after=after)
    return connection


async def _refuse_connected(
    session: AsyncSession, space_id: str, audience_id: str, destination_id: str
) -> None:
    found = await ConnectionRepository(session).id_of_destination(
        space_id, audience_id, destination_id
    )
    if found is not None:
        raise Conflict(
            f"This destination is connected to the audience already, by the connection {found}. Add activations to that one, "
            "or change it (PATCH).",
            field="destination.id",
        )


def _check_type(destination_type: str) -> None:
    if destination_type != "destination":
        raise Invalid(
            '"destination.type": warehouses are not supported; send destination',
            field="destination.type",
        )


def _check_audience(audience: Audience, definition: Definition) -> None:
    if audience.audience_type not in definition.audience_types:
        raise Invalid(
            f'"destination.id": {definition.name} takes no {audience.audience_type} audiences',
            field="destination.id",
        )


async def page_connections(
    session: AsyncSession, space_id: str, audience_id: str, request: PageRequest, *, actor: str
) -> Page[ConnectionView]:
    """Read a page of an audience's connections, oldest first. The list is an event of the audit trail. Raises NotFound."""
    audience = await _audience(session, space_id, audience_id)
    found = await read_connections(session, space_id, audience_id, request)
    await record_event(
        session,
        space_id=space_id,
        type="Destinations Listed from Audience",
        actor=actor,
        resource_type="audience",
        resource_id=audience.id,
        resource_name=audience.name,
    )
    return found


async def read_connections(
    session: AsyncSession, space_id: str, audience_id: str, request: PageRequest
) -> Page[ConnectionView]:
    """Read a page of an audience's connections, oldest first, and record nothing."""
    repository = ConnectionRepository(session)
    position = request.position()
    found = await repository.walk_connected(space_id, audience_id, position, request.count + 1)
    total = await repository.count(space_id, audience_id)
    listed = make_page(
        found, request=request, position=position, key=lambda row: (row[0].id,), total=total
    )
    return listed.map(lambda row: ConnectionView(*row, registry.get(row[1].slug).definition))


async def find_connection(
    session: AsyncSession, space_id: str, audience_id: str, destination_id: str
) -> DestinationConnection | None:
    """Return the connection of an audience to an account, None if they are not connected."""
    repository = ConnectionRepository(session)
    found = await repository.id_of_destination(space_id, audience_id, destination_id)
    return await repository.get(space_id, audience_id, found) if found is not None else None


async def update_connection(
    session: AsyncSession,
    *,
    space_id: str,
    audience_id: str,
    path_id: str,
    id_sync: IdSync | None,
    connection_settings: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
) -> DestinationConnection:
    """Replace the identifier list or the settings of a connection, and of all activations on it.

    Raises BadRequest if neither is given; an empty one counts as not given.
    """
    await _audience(session, space_id, audience_id)
    connection = await _locked(session, space_id, audience_id, path_id, "update")
    if not id_sync and not connection_settings:
        raise BadRequest("give idSyncConfiguration or connectionSettings")
    destination = await DestinationRepository(session).get(space_id, connection.destination_id)
    assert destination is not None  # noqa: S101  a foreign key
    before = _fields(connection)
    if id_sync:
        connection.id_sync, connection.id_sync_given = _plain(id_sync), True
    if connection_settings:
        check_connection_settings(registry.get(destination.slug), connection_settings)
        connection.connection_settings = dict(connection_settings)
    connection.updated_at = now
    await session.flush()
    await _renew_activations(session, connection, actor=actor, now=now)
    event, after = "Destination Updated for Audience", _fields(connection)
    await _record(session, connection, destination.name, event, actor, before=before, after=after)
    return connection


async def remove_connection(
    session: AsyncSession, space_id: str, audience_id: str, path_id: str, *, actor: str
) -> None:
    """Remove a connection. Raises Conflict while it has activations."""
    await _audience(session, space_id, audience_id)
    connection = await _locked(session, space_id, audience_id, path_id, "remove")
    repository = ConnectionRepository(session)
    _refuse_used(
        await ActivationRepository(session).of_connection(space_id, connection.id, lock="update")
    )
    destination = await DestinationRepository(session).get(space_id, connection.destination_id)
    name = destination.name if destination else connection.destination_id
    before = _fields(connection)
    await _record(
        session, connection, name, "Destination Removed from Audience", actor, before=before
    )
    await repository.remove(connection)


def _refuse_used(activations: Sequence[Activation]) -> None:
    if activations:
        named = listed([f"{activation.name} ({activation.id})" for activation in activations])
        raise Conflict(
            f"The connection still has activations: {named}. Remove them first.",
            data={"activations": [activation.id for activation in activations]},
        )


def _plain(id_sync: IdSync) -> list[dict[str, Any]]:
    return [dict(entry) for entry in id_sync]


async def _audience(session: AsyncSession, space_id: str, audience_id: str) -> Audience:
    """Read the audience, and lock it against removal until the transaction ends. Raises NotFound."""
    return await AudienceRepository(session).require(space_id, audience_id, lock="keep")


async def _locked(
    session: AsyncSession, space_id: str, audience_id: str, path_id: str, lock: Lock
) -> DestinationConnection:
    """Lock the connection with this id, or with the account of this id. Raises NotFound."""
    repository = ConnectionRepository(session)
    connection = await repository.get(space_id, audience_id, path_id, lock=lock)
    if connection is None:
        found = await repository.id_of_destination(space_id, audience_id, path_id)
        if found is not None:
            connection = await repository.get(space_id, audience_id, found, lock=lock)
    if connection is None:
        raise NotFound.of("destination connection", path_id)
    return connection


async def _renew_activations(
    session: AsyncSession, connection: DestinationConnection, *, actor: str, now: datetime
) -> None:
    part = connection_part(
        connection.id_sync, connection.id_sync_given, connection.connection_settings
    )
    for activation in await ActivationRepository(session).of_connection(
        connection.space_id, connection.id, lock="update"
    ):
        config = await RevisionRepository(session).config_of(activation)
        renewed = {**config, **part}
        if renewed != config:
            await new_revision(session, activation, renewed, actor, now)
            await configuration_changed(session, activation, resync=False, actor=actor)


def connection_fields(connection: DestinationConnection) -> dict[str, Any]:
    """Return the properties of a connection that a user sets: ``{idSyncConfiguration, connectionSettings?}``."""
    fields: dict[str, Any] = {"idSyncConfiguration": connection.id_sync}
    if connection.connection_settings is not None:
        fields["connectionSettings"] = connection.connection_settings
    return fields


def _fields(connection: DestinationConnection) -> dict[str, Any]:
    """Return what the audit trail compares."""
    return {"destinationId": connection.destination_id, **connection_fields(connection)}


async def _record(
    session: AsyncSession,
    connection: DestinationConnection,
    name: str,
    event: str,
    actor: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await record_event(
        session,
        space_id=connection.space_id,
        type=event,
        actor=actor,
        resource_type="destination-connection",
        resource_id=connection.id,
        resource_name=name,
        before=before,
        after=after,
    )
