"""Destinations of an audience on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.envelope import Input, Name, Output, PaginationOutput


class DestinationInput(Input):
    """The account to connect."""

    id: Name
    type: Literal["destination", "warehouse"]


class IDSyncConfigurationInput(Input):
    """Which identifier of a profile travels, which of its values, and under which name."""

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
    """What changes of a connection; each field replaces what is stored, an empty one counts as not given."""

    id_sync_configuration: _IdSync | None = None
    connection_settings: dict[str, Any] | None = None


class IdSyncOutput(Output):
    """Which identifier of a profile travels, which of its values, and under which name."""

    external_id: str
    strategy: str
    map_to: str | None = None


class Connection(Output):
    """A connection, by its id."""

    id: str


class Destination(Output):
    """What was updated, by its id."""

    id: str


class Metadata(Output):
    """The catalogue's entry of a destination."""

    id: str
    name: str
    slug: str


class SimpleDestination(Output):
    """A connection and the account behind it."""

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
    """The connection that was made, with the list of identifiers that is in effect."""

    connection: Connection
    id_sync_configuration: list[IdSyncOutput]
    connection_settings: Any = None


class UpdateDestinationForAudienceAlphaOutput(Output):
    """The connection as it is now."""

    destination: Destination
    id_sync_configuration: list[IdSyncOutput] | None = None
    connection_settings: Any = None


class ListDestinationsFromAudienceAlphaOutput(Output):
    """Connections of an audience."""

    connections: list[SimpleDestination]
    pagination: PaginationOutput | None = None


class RemoveDestinationFromAudienceAlphaOutput(Output):
    """The connection is gone."""

    status: Literal["SUCCESS"]


class ListSupportedDestinationsFromAudienceAlphaOutput(Output):
    """Destinations that an audience may be sent to, by slug."""

    destinations: dict[str, Any]
    pagination: PaginationOutput | None = None
