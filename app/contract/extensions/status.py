"""Bodies of the status of an activation."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.contract.extensions.base import Output, Time


class OpenSyncOutput(Output):
    """The progress of the open sync of an activation."""

    id: str
    number: int
    kind: str
    status: str
    planned: int
    delivered: int
    rejected: int
    skipped: int
    pending: int
    batches: int
    batches_settled: int
    opened_at: Time


class SharerOutput(Output):
    """Another activation at a place of an activation."""

    space_id: str
    audience_id: str
    activation_id: str
    name: str


class StatusOutput(Output):
    """The status of an activation. ``note`` explains why nothing was sent."""

    state: str
    last_synced_at: Time | None
    last_error: Any
    open_sync: Any
    revision: int = Field(description="Number of the current revision")
    delivered_revision: int | None = Field(
        description="Number of the revision that the last complete sync sent"
    )
    next_due_at: Time | None = Field(description="Time at which the frequency starts the next sync")
    held: int
    assumed: int
    note: str | None
    shared_with: list[SharerOutput] = Field(
        description="Other activations of the workspace that write to the same list, attribute or audience at the partner. "
        "While one holds a member there, an exit by another is not sent and counts in leftOut as held_by_another."
    )


class StatusData(Output):
    """The status of an activation."""

    status: StatusOutput
