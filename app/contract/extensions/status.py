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


class StatusData(Output):
    """The status of an activation."""

    status: StatusOutput
