"""Bodies of operations on snapshots."""

from __future__ import annotations

from typing import Annotated

from app.contract.extensions.base import Output, PaginationOutput, Time
from app.contract.fields import AudienceId, CreatedAt, RunId, SnapshotId
from app.core.described import about


class SnapshotOutput(Output):
    """The immutable membership that a run has written."""

    id: SnapshotId
    audience_id: AudienceId
    run_id: RunId
    version: Annotated[int, about("Number of the snapshot in its audience, from 1.", 42)]
    as_of: Annotated[Time, about("Time as of which it was computed.", "2026-01-31T12:00:00.000Z")]
    members: Annotated[int, about("Number of members.", 1204)]
    bytes: Annotated[int, about("Size of its files in bytes.", 96110)]
    traits: Annotated[
        dict[str, str],
        about("Type of each trait in DuckDB, by its name.", {"plan": "VARCHAR", "total": "DOUBLE"}),
    ]
    identifiers: Annotated[
        list[str], about("Names of the identifiers that members have.", ["email", "user_id"])
    ]
    current: Annotated[bool, about("Whether activations use this snapshot.", True)]
    pinned: Annotated[
        bool,
        about(
            "Whether the audience was rolled back to it: later runs do not replace it until the audience is "
            "released.",
            False,
        ),
    ]
    created_at: CreatedAt


class SnapshotData(Output):
    """One snapshot."""

    snapshot: Annotated[SnapshotOutput, about("The snapshot.")]


class SnapshotsData(Output):
    """A page of snapshots."""

    snapshots: Annotated[list[SnapshotOutput], about("The snapshots of this page, newest first.")]
    pagination: Annotated[
        PaginationOutput, about("The cursors of this page, the next and the previous one.")
    ]
