"""Bodies of the reach of an audience."""

from __future__ import annotations

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, Time


class ReachRowOutput(Output):
    """The reach of a destination or an activation. Counts are null until each of its audiences has been computed."""

    destination_id: str
    destination_name: str
    slug: str
    connection_id: str | None
    activation_id: str | None
    activation_name: str | None
    audience_ids: list[str] = Field(description="Audiences whose union is counted.")
    size: int | None
    reachable: int | None = Field(
        description="Number of members that can be sent to the destination."
    )
    left_out: dict[str, int] = Field(
        description="Number of other members by reason: no_identifier, phone_without_country, no_consent, control, shared_key."
    )


class ReachOutput(Output):
    """The size of the audience, and the number of members that can be sent to each destination."""

    audience_id: str
    run_id: str | None
    snapshot_id: str | None
    as_of: Time | None
    size: int | None
    destinations: list[ReachRowOutput]


class ReachData(Output):
    """A page of the reach by destination."""

    reach: ReachOutput
    pagination: PaginationOutput
