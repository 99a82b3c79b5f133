"""Bodies of operations on lists at a partner."""

from __future__ import annotations

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput


class ListUseOutput(Output):
    """A connection of this workspace that writes to a list, and its activation, if any."""

    audience_id: str
    audience_name: str
    connection_id: str
    activation_id: str | None
    activation_name: str | None


class PartnerListOutput(Output):
    """A list at the partner."""

    id: str
    name: str
    used_by: list[ListUseOutput] = Field(
        description="Activations that share a list remove each other's members."
    )


class PartnerListsData(Output):
    """A page of lists, sorted by name."""

    lists: list[PartnerListOutput]
    complete: bool = Field(
        description="False if the account has more lists than the service reads."
    )
    pagination: PaginationOutput
