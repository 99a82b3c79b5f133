"""Runs and snapshots on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time
from app.core.clock import from_wire


def _has_offset(text: str) -> str:
    try:
        from_wire(text)
    except ValueError:
        raise ValueError("must be an RFC 3339 time with its offset") from None
    return text


Moment = Annotated[
    str,
    AfterValidator(_has_offset),
    Field(max_length=64, description="RFC 3339 with an offset."),
]


class ForceRunInput(StrictInput):
    """The optional body of Segment's forceExecuteAudienceRun, as we extend it.

    ``asOf`` is the moment that the definition sees as ``$as_of`` (default: now). A run that is older than the
    current one does not become current unless ``makeCurrent`` asks for it.
    """

    as_of: Moment | None = None
    make_current: bool = False


class RunOutput(Output):
    """One recompute of an audience."""

    id: str
    audience_id: str
    kind: str
    trigger: str
    status: str
    as_of: Time
    make_current: bool
    became_current: bool | None
    members: int | None
    entered: int | None
    exited: int | None
    snapshot_id: str | None
    error: Any
    created_at: Time
    started_at: Time | None
    finished_at: Time | None


class SnapshotOutput(Output):
    """The immutable membership that a run wrote."""

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


class RunData(Output):
    """One run."""

    run: RunOutput


class RunsData(Output):
    """A page of runs."""

    runs: list[RunOutput]
    pagination: PaginationOutput


class SnapshotData(Output):
    """One snapshot."""

    snapshot: SnapshotOutput


class SnapshotsData(Output):
    """A page of snapshots."""

    snapshots: list[SnapshotOutput]
    pagination: PaginationOutput
