"""Bodies of operations on activations."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from app.contract.envelope import Input, Name, Output, PaginationOutput, Text

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

    properties: _Names | None = None
    mapping: dict[Name, Text] | None = None


class PersonalizationInputEntity(Input):
    """The properties of a related entity that are sent."""

    properties: _Names
    relationship_slug: Name


class PersonalizationInput(Input):
    """The data that is sent with each change."""

    profile: Profile | None = None
    entities: Annotated[list[PersonalizationInputEntity], Field(max_length=100)] | None = None
    sync_entity_property_changes: bool | None = None


class DestinationSubscriptionConfiguration(Input):
    """An action of the destination and its mapped fields. The settings are stored unchanged."""

    action_id: Name
    settings: dict[str, Any] | None = None


class AddActivationToAudienceAlphaInput(Input):
    """A new activation."""

    perform_resync: bool
    activation_type: ActivationType
    activation_name: Name
    enabled: bool | None = None
    display_name: Name | None = None
    personalization: PersonalizationInput | None = None
    destination_mapping: DestinationSubscriptionConfiguration | None = None


class UpdateActivationForAudienceAlphaInput(Input):
    """Changes to an activation. A null display name removes the name."""

    nullable: ClassVar[frozenset[str]] = frozenset({"displayName"})

    enabled: bool | None = None
    activation_name: _NameOrEmpty | None = None
    display_name: Name | None = None
    personalization: PersonalizationInput | None = None
    destination_mapping: DestinationSubscriptionConfiguration | None = None
    perform_resync: bool | None = None


class Profile1(Output):
    """The traits of the profile that are sent."""

    properties: list[str]
    mapping: dict[str, str] | None = None


class EntityOutput(Output):
    """The properties of a related entity that are sent."""

    properties: list[str]
    relationship_slug: str


class PersonalizationOutput(Output):
    """The data that is sent with each change."""

    profile: Profile1
    entities: list[EntityOutput] | None = None
    sync_entity_property_changes: bool | None = None


class MappingOutput(Output):
    """An action of the destination and its mapped fields."""

    action_id: str
    settings: dict[str, Any] | None = None


class ActivationOutput(Output):
    """An activation."""

    id: str
    enabled: bool
    workspace_id: str
    space_id: str
    audience_id: str
    connection_id: str
    activation_type: str
    activation_name: str
    display_name: str | None = None
    personalization: PersonalizationOutput
    destination_mapping: MappingOutput | None = None
    perform_resync: bool | None = None


class AddActivationToAudienceAlphaOutput(Output):
    """The created activation."""

    activation: ActivationOutput


class GetActivationFromAudienceAlphaOutput(Output):
    """One activation."""

    activation: ActivationOutput


class UpdateActivationForAudienceAlphaOutput(Output):
    """The updated activation."""

    activation: ActivationOutput


class ListActivationsFromAudienceAlphaOutput(Output):
    """A page of the activations of an audience, over all its connections."""

    activations: list[ActivationOutput]
    pagination: PaginationOutput | None = None


class RemoveActivationFromAudienceAlphaOutput(Output):
    """The activation was removed."""

    status: str
