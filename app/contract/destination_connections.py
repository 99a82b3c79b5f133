"""Bodies of operations on the destinations of an audience."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.envelope import Input, Name, Output, PaginationOutput


class DestinationInput(Input):
    """The account to connect."""

    id: Name
    type: Literal["destination", "warehouse"]


class IDSyncConfigurationInput(Input):
    """An identifier of the profile that is sent, the choice among its values, and its name at the destination."""

    external_id: Name
    strategy: Literal["first", "last", "all"]
    map_to: Name | None = None


_IdSync = Annotated[list[IDSyncConfigurationInput], Field(max_length=5)]


class AddDestinationToAudienceAlphaInput(Input):
    """A new connection."""

    destination: DestinationInput
    id_sync_configuration: _IdSync | None = None
    connection_settings: dict[str, Any] | None = None


class UpdateDestinationForAudienceAlphaInput(Input):
    """Changes to a connection. Each field replaces the stored value; an empty field counts as absent."""

    id_sync_configuration: _IdSync | None = None
    connection_settings: dict[str, Any] | None = None


class IdSyncOutput(Output):
    """An identifier of the profile that is sent, the choice among its values, and its name at the destination."""

    external_id: str
    strategy: str
    map_to: str | None = None


class Connection(Output):
    """The id of a connection."""

    id: str


class Destination(Output):
    """The id in the path of the update."""

    id: str


class Metadata(Output):
    """The entry of the destination in the catalogue."""

    id: str
    name: str
    slug: str


class SimpleDestination(Output):
    """A connection and its account."""

    id: str
    name: str | None = None
    source_id: str
    enabled: bool
    created_at: str
    updated_at: str
    settings: dict[str, Any]
    destination_id: str
    metadata: Metadata | None = None
    id_sync_configuration: list[IdSyncOutput] | None = None
    connection_settings: Any = None


class AddDestinationToAudienceAlphaOutput(Output):
    """The created connection, with the identifiers that are in effect."""

    connection: Connection
    id_sync_configuration: list[IdSyncOutput]
    connection_settings: Any = None


class UpdateDestinationForAudienceAlphaOutput(Output):
    """The updated connection."""

    destination: Destination
    id_sync_configuration: list[IdSyncOutput] | None = None
    connection_settings: Any = None


class ListDestinationsFromAudienceAlphaOutput(Output):
    """A page of the connections of an audience."""

    connections: list[SimpleDestination]
    pagination: PaginationOutput | None = None


class RemoveDestinationFromAudienceAlphaOutput(Output):
    """The connection was removed."""

    status: Literal["SUCCESS"]


class ListSupportedDestinationsFromAudienceAlphaOutput(Output):
    """The destinations that support a type of audience, by slug."""

    destinations: dict[str, Any]
    pagination: PaginationOutput | None = None
