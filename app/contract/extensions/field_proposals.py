"""Bodies of the proposals for the fields of an action."""

from __future__ import annotations

from typing import Annotated, Any

from app.contract.extensions.base import Output
from app.contract.fields import AudienceId, DestinationId
from app.core.described import about


class FieldProposalOutput(Output):
    """A field of the action, and the column that probably fills it."""

    key: Annotated[str, about("Key of the field in `destinationMapping.settings`.", "first_name")]
    label: Annotated[str, about("Name of the field for people.", "First name")]
    column: Annotated[
        str | None,
        about(
            "Column of the audience that probably fills the field. Null if none does.", "Vorname"
        ),
    ]
    read_by_default: Annotated[
        bool,
        about(
            "Whether the default mapping of the field reads the column, once the column is among the properties of the "
            "personalization. If not, send `mapping`.",
            False,
        ),
    ]
    mapping: Annotated[
        dict[str, Any] | None,
        about(
            "Value of the field in `destinationMapping.settings` that reads the column. Null if no mapping is needed.",
            {"@path": "$.traits.Vorname"},
        ),
    ]


class FieldProposalsOutput(Output):
    """Proposals for the fields of an action. Nothing is saved or sent."""

    audience_id: AudienceId
    destination_id: DestinationId
    action_id: Annotated[
        str | None,
        about(
            "Id of the action. Null if the destination has no actions.",
            "klaviyo-add-profile-to-list",
        ),
    ]
    fields: Annotated[list[FieldProposalOutput], about("The fields that a column can fill.")]


class FieldProposalsData(Output):
    """Proposals for the fields of an action."""

    proposals: Annotated[FieldProposalsOutput, about("The proposals.")]
