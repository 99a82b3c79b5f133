"""Lists at a partner on the wire."""

from __future__ import annotations

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput


class ListUseOutput(Output):
    """A connection of ours that writes to a list, and the activation where it has one."""

    audience_id: str
    audience_name: str
    connection_id: str
    activation_id: str | None
    activation_name: str | None


class PartnerListOutput(Output):
    """One list at the partner."""

    id: str
    name: str
    used_by: list[ListUseOutput] = Field(
        description="Two activations on one list take out what the other has put in."
    )


class PartnerListsData(Output):
    """A page of lists by name."""

    lists: list[PartnerListOutput]
    complete: bool = Field(description="False: the account has more lists than are read.")
    pagination: PaginationOutput
