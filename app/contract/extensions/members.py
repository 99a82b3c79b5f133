"""Bodies of operations on members: changes, pages and single profiles."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.contract.envelope import Name
from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time

Rows = Annotated[list[dict[str, Any]], Field(max_length=10_000)]


class MembersPatch(StrictInput):
    """Members to add, in the form of the rows of an upload, and ids of members to remove."""

    add: Rows = []
    remove: Annotated[list[Name], Field(max_length=10_000)] = []


class MemberOutput(Output):
    """A member of a snapshot, with its identifiers (oldest first) and traits."""

    id: str
    profile_id: str
    identifiers: dict[str, list[str]]
    traits: dict[str, Any]
    entities: dict[str, Any]


class MembershipOutput(Output):
    """Whether a profile is in the audience now, and since which snapshot."""

    id: str
    member: bool
    snapshot_id: str | None
    as_of: Time | None
    since_snapshot_id: str | None
    since: Time | None
    since_is_exact: bool
    row: MemberOutput | None


class MembersData(Output):
    """A page of the members of a snapshot."""

    members: list[MemberOutput]
    snapshot_id: str | None
    pagination: PaginationOutput


class MembershipData(Output):
    """The membership of one profile."""

    membership: MembershipOutput
