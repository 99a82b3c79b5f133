"""Bodies of operations on lists at a partner."""

from __future__ import annotations

from typing import Annotated

from app.contract.extensions.base import Output, PaginationOutput
from app.contract.fields import AudienceId, AudienceName, ConnectionId
from app.core.described import about


class ListUseOutput(Output):
    """A connection of this workspace that writes to a list, and its activation, if any."""

    audience_id: AudienceId
    audience_name: AudienceName
    connection_id: ConnectionId
    activation_id: Annotated[
        str | None,
        about(
            "Id of the activation of the connection, if it has one.", "act_0vK3mS5VgJ9bM2rP8iUwLt"
        ),
    ]
    activation_name: Annotated[
        str | None,
        about("Name of the activation of the connection, if it has one.", "Spring buyers"),
    ]


class PartnerListOutput(Output):
    """A list at the partner."""

    id: Annotated[str, about("Id of the list at the partner.", "XyZ12a")]
    name: Annotated[str, about("Name of the list at the partner.", "Newsletter")]
    used_by: Annotated[
        list[ListUseOutput],
        about(
            "Connections of this workspace that write to the list. Activations that share a list remove each "
            "other's members only when none of them holds the member."
        ),
    ]


class PartnerListsData(Output):
    """A page of lists, sorted by name."""

    lists: Annotated[list[PartnerListOutput], about("The lists of this page, sorted by name.")]
    complete: Annotated[
        bool, about("False if the account has more lists than the service reads.", True)
    ]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]
