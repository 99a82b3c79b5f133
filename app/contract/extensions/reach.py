"""Bodies of the reach of an audience."""

from __future__ import annotations

from typing import Annotated

from app.contract.extensions.base import Output, PaginationOutput, Time
from app.contract.fields import AudienceId, DestinationId, Slug
from app.core.described import about


class ReachRowOutput(Output):
    """The reach of a destination or an activation. Counts are null until each of its audiences has been computed."""

    destination_id: DestinationId
    destination_name: Annotated[str, about("Name of the account.", "Our receiver")]
    slug: Slug
    connection_id: Annotated[
        str | None,
        about(
            "Id of the connection, if the audience is connected to the account.",
            "ii_0vK3mRaWqF1yN7kC3eZoIh",
        ),
    ]
    activation_id: Annotated[
        str | None, about("Id of the activation, if there is one.", "act_0vK3mS5VgJ9bM2rP8iUwLt")
    ]
    activation_name: Annotated[
        str | None, about("Name of the activation, if there is one.", "Spring buyers")
    ]
    audience_ids: Annotated[
        list[str], about("Audiences whose union is counted.", ["aud_0vK3mR2HsD8pL4jT6uXaGb"])
    ]
    size: Annotated[
        int | None,
        about(
            "Number of members of these audiences together. Null until each has been computed.",
            1204,
        ),
    ]
    reachable: Annotated[
        int | None, about("Number of members that can be sent to the destination.", 1180)
    ]
    left_out: Annotated[
        dict[str, int],
        about(
            "Number of other members by reason: `no_identifier`, `phone_without_country`, `no_consent`, "
            "`control`, `shared_key`.",
            {"no_identifier": 20, "no_consent": 4},
        ),
    ]


class ReachOutput(Output):
    """The size of the audience, and the number of members that can be sent to each destination."""

    audience_id: AudienceId
    run_id: Annotated[
        str | None,
        about(
            "Id of the run that wrote the current snapshot. Null before the first.",
            "run_0vK3mWh5PzB8vD4kY2jTrA",
        ),
    ]
    snapshot_id: Annotated[
        str | None,
        about("Id of the current snapshot. Null before the first.", "snp_0vK3mXw2FbQ9tG6nZ5cLsJ"),
    ]
    as_of: Annotated[
        Time | None,
        about("Time as of which the current snapshot was computed.", "2026-01-31T12:00:00.000Z"),
    ]
    size: Annotated[
        int | None, about("Number of members of the audience. Null before the first run.", 1204)
    ]
    destinations: Annotated[
        list[ReachRowOutput], about("Reach by account and activation, for this page.")
    ]


class ReachData(Output):
    """A page of the reach by destination."""

    reach: Annotated[ReachOutput, about("The reach of the audience.")]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]
