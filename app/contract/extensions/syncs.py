"""Bodies of operations on syncs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time


class SyncInput(StrictInput):
    """The sync to start: ``incremental`` sends differences, ``resync`` sends all members. A dry run sends nothing."""

    kind: Literal["incremental", "resync"] = "incremental"
    dry_run: bool = False


class ApprovalInput(StrictInput):
    """An approval. ``brake`` sets new limits for the activation's next plans; without it they stay."""

    brake: Annotated[
        Any, Field(description="{enabled, maxRemovalPercent, minRemovals, holdEmptyFrom}")
    ] = None


class SyncSourceOutput(Output):
    """A snapshot from which a sync was planned, and its audience."""

    audience_id: str
    snapshot_id: str


class RuleChangesOutput(Output):
    """Held keys that a new version of the rules for identifiers changes, of members that stay."""

    invalid: int = Field(description="Keys that are no valid identifier now.")
    moved: int = Field(description="Keys that move to another form or to another identifier.")


class SyncOutput(Output):
    """A sync of an activation. Always ``delivered + rejected + skipped + pending = planned``."""

    id: str
    activation_id: str
    number: int
    kind: str
    trigger: str
    status: str
    revision: str | None
    wanted: int | None
    entered: int
    exited: int
    updated: int
    planned: int
    delivered: int
    rejected: int
    skipped: int
    pending: int
    left_out: dict[str, int] = Field(
        description="Number of changes that are not in the plan, by reason: no_identifier, phone_without_country, no_consent, "
        "control, shared_key, refused_before; held_by_another (an exit of a key that another activation holds at the same "
        "place), leaving_by_another (an entry that waits until the exit by another activation is over)."
    )
    batches: int
    snapshots: list[SyncSourceOutput]
    hold_reason: str | None
    rule_changes: RuleChangesOutput | None = Field(
        description="What new rules for identifiers change; null if they change nothing."
    )
    approved_by: str | None
    error: Any
    report: Any
    opened_at: Time
    planned_at: Time | None
    started_at: Time | None
    finished_at: Time | None


class RejectionsOutput(Output):
    """Rejected changes: counts by reason, and samples."""

    counts: dict[str, Any]
    samples: list[Any]


class SyncData(Output):
    """A sync."""

    sync: SyncOutput


class SyncsData(Output):
    """A page of syncs."""

    syncs: list[SyncOutput]
    pagination: PaginationOutput


class RejectionsData(Output):
    """The rejected changes of a sync."""

    rejections: RejectionsOutput
