"""Syncs, the status of an activation and its delivery options on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time


class SyncInput(StrictInput):
    """What to start: what differs, or everything anew; a dry run only tells."""

    kind: Literal["incremental", "resync"] = "incremental"
    dry_run: bool = False


class SyncSourceOutput(Output):
    """From which snapshot of which audience a sync was planned."""

    audience_id: str
    snapshot_id: str


class SyncOutput(Output):
    """One reconciliation; ``delivered + rejected + skipped + pending = planned``, always."""

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
    left_out: dict[str, int]
    batches: int
    snapshots: list[SyncSourceOutput]
    hold_reason: str | None
    approved_by: str | None
    error: Any
    report: Any
    opened_at: Time
    planned_at: Time | None
    started_at: Time | None
    finished_at: Time | None


class RejectionsOutput(Output):
    """What was refused: counts by reason and samples."""

    counts: dict[str, Any]
    samples: list[Any]


class StatusOutput(Output):
    """Where an activation stands; ``note`` answers «why was nothing sent?»."""

    state: str
    last_synced_at: Time | None
    last_error: Any
    open_sync: Any
    revision: int = Field(description="Number of the configuration that holds now")
    delivered_revision: int | None = Field(
        description="Of the one that the last complete sync sent"
    )
    next_due_at: Time | None = Field(description="When its frequency starts the next sync")
    held: int
    assumed: int
    note: str | None


class DeliveryOptionsPatch(StrictInput):
    """What changes; the brake is merged, everything else replaced."""

    nullable: ClassVar[frozenset[str]] = frozenset(
        {"split", "list", "consent", "includedAttribute"}
    )

    frequency: Annotated[Any, Field(description="on_run, once, daily, interval or cron")] = None
    brake: Annotated[
        Any, Field(description="{enabled, maxRemovalPercent, minRemovals, holdEmptyFrom}")
    ] = None
    notifications: Annotated[Any, Field(description="{emails, destinationId, on}")] = None
    mode: Annotated[Any, Field(description="maintain, append or remove")] = None
    split: Annotated[
        Any, Field(description='{"arms": [{name, weight, sent, list: {id}}], "property"} or null')
    ] = None
    updates: bool | None = None
    list: Annotated[Any, Field(description='{"id": …}, or null to have one made')] = None
    consent: Annotated[Any, Field(description="A trait that must be true, or null")] = None
    audiences: Annotated[
        Any, Field(description="Ids of audiences that are sent besides the activation's own")
    ] = None
    included_attribute: Annotated[
        Any,
        Field(
            description="The attribute in which members carry the activation's name; true: Included in Audience"
        ),
    ] = None


class DeliveryOptionsOutput(Output):
    """Everything that an activation is told about its delivery."""

    frequency: dict[str, Any]
    brake: dict[str, Any]
    notifications: dict[str, Any]
    mode: str
    split: dict[str, Any] | None
    updates: bool
    list: dict[str, Any] | None
    consent: str | None
    audiences: Sequence[str]
    included_attribute: str | None
    revision: int


class SyncData(Output):
    """One sync."""

    sync: SyncOutput


class SyncsData(Output):
    """A page of syncs."""

    syncs: list[SyncOutput]
    pagination: PaginationOutput


class RejectionsData(Output):
    """What was refused."""

    rejections: RejectionsOutput


class StatusData(Output):
    """Where an activation stands."""

    status: StatusOutput


class DeliveryOptionsData(Output):
    """Delivery options."""

    delivery_options: DeliveryOptionsOutput


class ExplanationData(Output):
    """Everything about one profile."""

    profile: dict[str, Any]
