"""Bodies of operations on activations."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from app.contract.envelope import Input, Name, Output, PaginationOutput, Text
from app.contract.fields import ActivationId, ActivationName, AudienceId, ConnectionId, SpaceId
from app.core.described import about

ActivationType = Literal[
    "Audience Entered",
    "Audience Exited",
    "Audience Membership Changed",
    "Entity Added",
    "Entity Removed",
    "Entity Values Changed",
    "All Events",
]
_Names = Annotated[list[Name], Field(max_length=1000)]
#: In an update an empty name counts as absent, so it has no minimum length.
_NameOrEmpty = Annotated[str, Field(max_length=255)]


class Profile(Input):
    """The traits of the profile that are sent, and their names in the event."""

    properties: Annotated[
        _Names | None, about("Names of the traits to send, at most 1000.", ["plan", "city"])
    ] = None
    mapping: Annotated[
        dict[Name, Text] | None,
        about(
            "Name of a trait → its name in what is sent. Traits that are not named keep their name.",
            {"plan": "plan_name"},
        ),
    ] = None


class PersonalizationInputEntity(Input):
    """The properties of a related entity that are sent."""

    properties: Annotated[
        _Names, about("Names of the entity's properties that are sent.", ["ID", "BALANCE"])
    ]
    relationship_slug: Annotated[
        Name, about("The relationship between profile and entity.", "owned-accounts")
    ]


class PersonalizationInput(Input):
    """The data that is sent with each change."""

    profile: Annotated[
        Profile | None, about("Traits of the profile that are sent with each change.")
    ] = None
    entities: Annotated[
        Annotated[list[PersonalizationInputEntity], Field(max_length=100)] | None,
        about("Related entities whose properties are sent, at most 100. Linked audiences only."),
    ] = None
    sync_entity_property_changes: Annotated[
        bool | None,
        about(
            "Whether a changed property of an entity is sent, too. Only with `Audience Membership Changed`.",
            False,
        ),
    ] = None


class DestinationSubscriptionConfiguration(Input):
    """An action of the destination and its mapped fields. The settings are stored unchanged."""

    action_id: Annotated[
        Name,
        about("Id of an action of the destination, from `supported-destinations`.", "webhook-send"),
    ]
    settings: Annotated[
        dict[str, Any] | None,
        about(
            'Fields of the action: constants, or directives such as `{"@path": "$.traits.plan"}`. Kept as they '
            "were sent.",
            {"plan": {"@path": "$.traits.plan"}},
        ),
    ] = None


class AddActivationToAudienceAlphaInput(Input):
    """A new activation."""

    perform_resync: Annotated[
        bool,
        about(
            "True: the first sync sends all members. False: the members of now count as already at the "
            "destination, and only later changes are sent.",
            True,
        ),
    ]
    activation_type: Annotated[
        ActivationType,
        about(
            "Which changes are sent: profiles that enter, that exit, or both (`Audience Membership Changed`); "
            "for linked audiences the same of entities.",
            "Audience Membership Changed",
        ),
    ]
    activation_name: Annotated[
        Name,
        about(
            "Name of the activation, 1 to 255 characters. Lists that the service creates have this name.",
            "Spring buyers",
        ),
    ]
    enabled: Annotated[
        bool | None,
        about(
            "Whether changes are sent automatically. By default false: nothing is sent until it is enabled.",
            True,
        ),
    ] = None
    display_name: Annotated[
        Name | None,
        about(
            "Name for people. Only warehouses have one; other destinations refuse it with 400.",
            "Spring buyers",
        ),
    ] = None
    personalization: Annotated[
        PersonalizationInput | None, about("The data that is sent with each change.")
    ] = None
    destination_mapping: Annotated[
        DestinationSubscriptionConfiguration | None,
        about(
            "The action of the destination and its fields. By default the preset of the activation type."
        ),
    ] = None


class UpdateActivationForAudienceAlphaInput(Input):
    """Changes to an activation. A null display name removes the name."""

    nullable: ClassVar[frozenset[str]] = frozenset({"displayName"})

    enabled: Annotated[
        bool | None,
        about("Whether changes are sent automatically. False pauses the activation.", True),
    ] = None
    activation_name: Annotated[
        _NameOrEmpty | None, about("New name. An empty text changes nothing.", "Spring buyers EU")
    ] = None
    display_name: Annotated[
        Name | None,
        about("Name for people, of a warehouse. Null removes it.", None, "Spring buyers"),
    ] = None
    personalization: Annotated[
        PersonalizationInput | None, about("The data that is sent with each change.")
    ] = None
    destination_mapping: Annotated[
        DestinationSubscriptionConfiguration | None,
        about(
            "New fields of the action: each field that is sent replaces the stored one, others stay. The "
            "action itself cannot be changed."
        ),
    ] = None
    perform_resync: Annotated[
        bool | None, about("True: all members are sent once with the new configuration.", True)
    ] = None


class Profile1(Output):
    """The traits of the profile that are sent."""

    properties: Annotated[
        list[str], about("Names of the traits that are sent. Empty if none are.", ["plan", "city"])
    ]
    mapping: Annotated[
        dict[str, str] | None,
        about("Name of a trait → its name in what is sent.", {"plan": "plan_name"}),
    ] = None


class EntityOutput(Output):
    """The properties of a related entity that are sent."""

    properties: Annotated[
        list[str], about("Names of the entity's properties that are sent.", ["ID", "BALANCE"])
    ]
    relationship_slug: Annotated[
        str, about("The relationship between profile and entity.", "owned-accounts")
    ]


class PersonalizationOutput(Output):
    """The data that is sent with each change."""

    profile: Annotated[Profile1, about("Traits of the profile that are sent with each change.")]
    entities: Annotated[
        list[EntityOutput] | None,
        about("Related entities whose properties are sent. Linked audiences only."),
    ] = None
    sync_entity_property_changes: Annotated[
        bool | None, about("Whether a changed property of an entity is sent, too.", False)
    ] = None


class MappingOutput(Output):
    """An action of the destination and its mapped fields."""

    action_id: Annotated[
        str,
        about("Id of an action of the destination, from `supported-destinations`.", "webhook-send"),
    ]
    settings: Annotated[
        dict[str, Any] | None,
        about(
            'Fields of the action: constants, or directives such as `{"@path": "$.traits.plan"}`. Kept as they '
            "were sent.",
            {"plan": {"@path": "$.traits.plan"}},
        ),
    ] = None


class ActivationOutput(Output):
    """An activation."""

    id: ActivationId
    enabled: Annotated[bool, about("Whether changes are sent automatically.", True)]
    workspace_id: Annotated[str, about("Id of the token's workspace.", "ws_0vK3mPzRkC4eT8wJ1xGbNa")]
    space_id: SpaceId
    audience_id: AudienceId
    connection_id: ConnectionId
    activation_type: Annotated[
        str,
        about(
            "Which changes are sent: profiles that enter, that exit, or both (`Audience Membership Changed`); "
            "for linked audiences the same of entities.",
            "Audience Membership Changed",
        ),
    ]
    activation_name: ActivationName
    display_name: Annotated[
        str | None, about("Name for people. Only warehouses have one.", None, "Spring buyers")
    ] = None
    personalization: Annotated[
        PersonalizationOutput, about("The data that is sent with each change.")
    ]
    destination_mapping: Annotated[
        MappingOutput | None,
        about(
            "The action of the destination and its fields. By default the preset of the activation type."
        ),
    ] = None
    perform_resync: Annotated[
        bool | None, about("Whether a sync of all members is pending or running.", False)
    ] = None


class AddActivationToAudienceAlphaOutput(Output):
    """The created activation."""

    activation: Annotated[ActivationOutput, about("The activation.")]


class GetActivationFromAudienceAlphaOutput(Output):
    """One activation."""

    activation: Annotated[ActivationOutput, about("The activation.")]


class UpdateActivationForAudienceAlphaOutput(Output):
    """The updated activation."""

    activation: Annotated[ActivationOutput, about("The activation.")]


class ListActivationsFromAudienceAlphaOutput(Output):
    """A page of the activations of an audience, over all its connections."""

    activations: Annotated[
        list[ActivationOutput], about("The activations of this page, oldest first.")
    ]
    pagination: Annotated[
        PaginationOutput | None, about("The cursors of this page, the next and the previous one.")
    ] = None


class RemoveActivationFromAudienceAlphaOutput(Output):
    """The activation was removed."""

    status: Annotated[str, about("Always `SUCCESS`. A failure has another HTTP status.", "SUCCESS")]
