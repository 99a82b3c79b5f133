"""Membership on the wire: changes to it, pages of it, one member of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.contract.envelope import Name
from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time

Rows = Annotated[list[dict[str, Any]], Field(max_length=10_000)]


class MembersPatch(StrictInput):
    """Members to add (rows as an upload has them) and ids of members to remove."""

    add: Rows = []
    remove: Annotated[list[Name], Field(max_length=10_000)] = []


class MemberOutput(Output):
    """One member of a snapshot, with its identifiers (oldest first) and traits."""

    id: str
    profile_id: str
    identifiers: dict[str, list[str]]
    traits: dict[str, Any]
    entities: dict[str, Any]


class MembershipOutput(Output):
    """Whether somebody is in the audience now, and since which snapshot."""

    id: str
    member: bool
    snapshot_id: str | None
    as_of: Time | None
    since_snapshot_id: str | None
    since: Time | None
    since_is_exact: bool
    row: MemberOutput | None


class MembersData(Output):
    """A page of the current snapshot."""

    members: list[MemberOutput]
    snapshot_id: str | None
    pagination: PaginationOutput


class MembershipData(Output):
    """One membership."""

    membership: MembershipOutput
