"""Bodies of operations on the destinations of an audience."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.envelope import Input, Name, Output, PaginationOutput
from app.contract.fields import ConnectionId, CreatedAt, DestinationId, UpdatedAt
from app.core.described import about


class DestinationInput(Input):
    """The account to connect."""

    id: Annotated[
        Name,
        about(
            "Id of the account (destination) of the space that is connected.",
            "66be7aeca665bd11f8908630",
        ),
    ]
    type: Annotated[
        Literal["destination", "warehouse"],
        about(
            "`destination` for all partners of this service. `warehouse` is Segment's word for warehouses.",
            "destination",
        ),
    ]


class IDSyncConfigurationInput(Input):
    """An identifier of the profile that is sent, the choice among its values, and its name at the destination."""

    external_id: Annotated[
        Name,
        about(
            "Name of the identifier: `email`, `phone`, `user_id`, `anonymous_id`, or one of your own.",
            "email",
        ),
    ]
    strategy: Annotated[
        Literal["first", "last", "all"],
        about(
            "Which values are sent if a profile has several: `first` (the oldest), `last` (the newest) or `all`.",
            "last",
        ),
    ]
    map_to: Annotated[
        Name | None,
        about(
            "Name of the identifier at the destination. By default the destination's own name.",
            "Email_c",
        ),
    ] = None


_IdSync = Annotated[list[IDSyncConfigurationInput], Field(max_length=5)]


class AddDestinationToAudienceAlphaInput(Input):
    """A new connection."""

    destination: Annotated[DestinationInput, about("The account to connect.")]
    id_sync_configuration: Annotated[
        _IdSync | None,
        about(
            "Identifiers to send, at most 5, in the order in which they are tried. By default the destination "
            "decides: usually the newest e-mail and user id.",
            [{"externalId": "email", "strategy": "last"}],
        ),
    ] = None
    connection_settings: Annotated[
        dict[str, Any] | None,
        about(
            "Settings of this connection, for example an existing list. The catalogue "
            "(`supported-destinations`) names the settings of each destination. By default the destination "
            "creates what it needs.",
            {"list_id": "XyZ12a"},
        ),
    ] = None


class UpdateDestinationForAudienceAlphaInput(Input):
    """Changes to a connection. Each field replaces the stored value; an empty field counts as absent."""

    id_sync_configuration: Annotated[
        _IdSync | None,
        about(
            "Identifiers to send, at most 5. The list replaces the stored one; an empty list changes nothing.",
            [{"externalId": "email", "strategy": "last"}],
        ),
    ] = None
    connection_settings: Annotated[
        dict[str, Any] | None,
        about(
            "Settings of this connection, for example an existing list. The catalogue "
            "(`supported-destinations`) names the settings of each destination. The object replaces the stored "
            "one; an empty object changes nothing.",
            {"list_id": "XyZ12a"},
        ),
    ] = None


class IdSyncOutput(Output):
    """An identifier of the profile that is sent, the choice among its values, and its name at the destination."""

    external_id: Annotated[
        str,
        about(
            "Name of the identifier: `email`, `phone`, `user_id`, `anonymous_id`, or one of your own.",
            "email",
        ),
    ]
    strategy: Annotated[
        str,
        about(
            "Which values are sent if a profile has several: `first` (the oldest), `last` (the newest) or `all`.",
            "last",
        ),
    ]
    map_to: Annotated[
        str | None,
        about(
            "Name of the identifier at the destination. By default the destination's own name.",
            "Email_c",
        ),
    ] = None


SentIdentifiers = Annotated[
    list[IdSyncOutput] | None,
    about("Identifiers that are sent, in the order in which they are tried."),
]
ConnectionSettings = Annotated[
    Any,
    about(
        "Settings of this connection, as they are stored. Null if there are none.",
        {"list_id": "XyZ12a"},
        None,
    ),
]


class Connection(Output):
    """The id of a connection."""

    id: ConnectionId


class Destination(Output):
    """The id in the path of the update."""

    id: ConnectionId


class Metadata(Output):
    """The entry of the destination in the catalogue."""

    id: Annotated[str, about("Id of the destination in the catalogue.", "63e52bea7747fbc311d5b872")]
    name: Annotated[str, about("Name of the destination.", "Klaviyo")]
    slug: Annotated[str, about("Slug of the destination, the key in the catalogue.", "klaviyo")]


class SimpleDestination(Output):
    """A connection and its account."""

    id: ConnectionId
    name: Annotated[str | None, about("Name of the account.", "Klaviyo EU")] = None
    source_id: Annotated[
        str,
        about(
            "Id of the source that stands for the audience's space. It is needed by Segment's SDKs only.",
            "src_0vK3mQ7ZtB5xR1nW9cYdEf",
        ),
    ]
    enabled: Annotated[
        bool,
        about(
            "Always true. Whether something is sent depends on the activations of the connection.",
            True,
        ),
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt
    settings: Annotated[
        dict[str, Any],
        about(
            "Always empty: the settings of the account are in `GET "
            "/spaces/{spaceId}/destinations/{destinationId}`.",
            {},
        ),
    ]
    destination_id: DestinationId
    metadata: Annotated[Metadata | None, about("The destination's entry in the catalogue.")] = None
    id_sync_configuration: SentIdentifiers = None
    connection_settings: ConnectionSettings = None


class AddDestinationToAudienceAlphaOutput(Output):
    """The created connection, with the identifiers that are in effect."""

    connection: Annotated[Connection, about("The created connection.")]
    id_sync_configuration: Annotated[
        list[IdSyncOutput], about("Identifiers that are in effect, also if the request named none.")
    ]
    connection_settings: ConnectionSettings = None


class UpdateDestinationForAudienceAlphaOutput(Output):
    """The updated connection."""

    destination: Annotated[
        Destination, about("The connection that was updated. Segment names it `destination`.")
    ]
    id_sync_configuration: SentIdentifiers = None
    connection_settings: ConnectionSettings = None


class ListDestinationsFromAudienceAlphaOutput(Output):
    """A page of the connections of an audience."""

    connections: Annotated[
        list[SimpleDestination], about("The connections of this page, oldest first.")
    ]
    pagination: Annotated[
        PaginationOutput | None, about("The cursors of this page, the next and the previous one.")
    ] = None


class RemoveDestinationFromAudienceAlphaOutput(Output):
    """The connection was removed."""

    status: Annotated[
        Literal["SUCCESS"], about("Always `SUCCESS`. A failure has another HTTP status.", "SUCCESS")
    ]


class ListSupportedDestinationsFromAudienceAlphaOutput(Output):
    """The destinations that support a type of audience, by slug."""

    destinations: Annotated[
        dict[str, Any],
        about(
            "Destinations by slug. Each has its catalogue `id`, `actions` (with the `fields` that a mapping "
            "can set), `presets` and `connectionSettings`.",
            {
                "download": {
                    "id": "6630f0aa1f2e3d4c5b6a7983",
                    "name": "File download",
                    "slug": "file-download",
                    "type": "destination",
                    "actions": [],
                    "presets": [],
                    "connectionSettings": [{"name": "format", "type": "string", "required": False}],
                }
            },
        ),
    ]
    pagination: Annotated[
        PaginationOutput | None, about("The cursors of this page, the next and the previous one.")
    ] = None
