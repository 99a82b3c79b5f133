"""The reach of an audience on the wire."""

from __future__ import annotations

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, Time


class ReachRowOutput(Output):
    """One destination, or one activation on it; the counts are null while one of its audiences was never computed."""

    destination_id: str
    destination_name: str
    slug: str
    connection_id: str | None
    activation_id: str | None
    activation_name: str | None
    audience_ids: list[str] = Field(description="The audiences whose union is counted.")
    size: int | None
    reachable: int | None = Field(description="Members that the destination can take.")
    left_out: dict[str, int] = Field(
        description="Why it cannot take the others: no_identifier, no_consent, control, shared_key."
    )


class ReachOutput(Output):
    """How many are in the audience, and how many of them each destination can take."""

    audience_id: str
    run_id: str | None
    snapshot_id: str | None
    as_of: Time | None
    size: int | None
    destinations: list[ReachRowOutput]


class ReachData(Output):
    """A page of destinations."""

    reach: ReachOutput
    pagination: PaginationOutput
