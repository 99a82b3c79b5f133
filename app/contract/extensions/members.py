"""Bodies of operations on members: changes, pages and single profiles."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.contract.extensions.base import Name, Output, PaginationOutput, StrictInput, Time
from app.contract.fields import ProfileId, SnapshotId
from app.core.described import about

Rows = Annotated[list[dict[str, Any]], Field(max_length=10_000)]


class MembersPatch(StrictInput):
    """Members to add, in the form of the rows of an upload, and ids of members to remove."""

    add: Annotated[
        Rows,
        about(
            "Members to add or to replace, in the form of the rows of an upload; at most 10,000.",
            [{"profile_id": "u-1001", "email": "ada@example.com", "plan": "gold"}],
        ),
    ] = []
    remove: Annotated[
        list[Name],
        Field(max_length=10_000),
        about("Ids of members to remove, at most 10,000. Unknown ids are ignored.", ["u-1002"]),
    ] = []


class MemberOutput(Output):
    """A member of a snapshot, with its identifiers (oldest first) and traits."""

    id: Annotated[
        str,
        about(
            "Id of the member: of the profile, or of the entity for a linked audience.", "u-1001"
        ),
    ]
    profile_id: ProfileId
    identifiers: Annotated[
        dict[str, list[str]],
        about(
            "Values of each identifier, oldest first.",
            {"email": ["ada@example.com"], "phone": ["+4915123456789"]},
        ),
    ]
    traits: Annotated[
        dict[str, Any], about("Traits by their names.", {"plan": "gold", "city": "Berlin"})
    ]
    entities: Annotated[dict[str, Any], about("Related entities by relationship.", {})]


class MembershipOutput(Output):
    """Whether a profile is in the audience now, and since which snapshot."""

    id: Annotated[str, about("Id of the member that was asked for.", "u-1001")]
    member: Annotated[bool, about("Whether it is in the audience now.", True)]
    snapshot_id: SnapshotId | None
    as_of: Annotated[
        Time | None,
        about("Time as of which the current snapshot was computed.", "2026-01-31T12:00:00.000Z"),
    ]
    since_snapshot_id: Annotated[
        str | None,
        about(
            "Id of the snapshot since which the membership is as it is now.",
            "snp_0vK3mXw2FbQ9tG6nZ5cLsJ",
        ),
    ]
    since: Annotated[
        Time | None,
        about(
            "Time of the snapshot since which the membership is as it is now.",
            "2026-01-24T12:00:00.000Z",
        ),
    ]
    since_is_exact: Annotated[
        bool,
        about(
            "False if older snapshots were not searched: the membership may be older than `since`.",
            True,
        ),
    ]
    row: Annotated[
        MemberOutput | None,
        about("The member of the current snapshot. Null if it is not in the audience."),
    ]


class MembersData(Output):
    """A page of the members of a snapshot."""

    members: Annotated[list[MemberOutput], about("The members of this page.")]
    snapshot_id: SnapshotId | None
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]


class MembershipData(Output):
    """The membership of one profile."""

    membership: Annotated[MembershipOutput, about("The membership.")]
