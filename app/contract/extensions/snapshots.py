"""Bodies of operations on snapshots."""

from __future__ import annotations

from app.contract.extensions.base import Output, PaginationOutput, Time


class SnapshotOutput(Output):
    """The immutable membership that a run has written."""

    id: str
    audience_id: str
    run_id: str
    version: int
    as_of: Time
    members: int
    bytes: int
    traits: dict[str, str]
    identifiers: list[str]
    current: bool
    pinned: bool
    created_at: Time


class SnapshotData(Output):
    """One snapshot."""

    snapshot: SnapshotOutput


class SnapshotsData(Output):
    """A page of snapshots."""

    snapshots: list[SnapshotOutput]
    pagination: PaginationOutput
