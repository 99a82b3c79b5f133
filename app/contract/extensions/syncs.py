"""Syncs, the status of an activation and its delivery options on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from app.contract.extensions.base import Output, PaginationOutput, StrictInput, Time


class SyncInput(StrictInput):
    """The sync to start: ``incremental`` sends differences, ``resync`` sends all members. A dry run sends nothing."""

    kind: Literal["incremental", "resync"] = "incremental"
    dry_run: bool = False


class SyncSourceOutput(Output):
    """A snapshot from which a sync was planned, and its audience."""

    audience_id: str
    snapshot_id: str


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
    """Rejected changes: counts by reason, and samples."""

    counts: dict[str, Any]
    samples: list[Any]


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


class DeliveryOptionsPatch(StrictInput):
    """Changes to delivery options. The brake is merged; other options are replaced."""

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
    list: Annotated[
        Any, Field(description='{"id": …}, or null to have the service create a list')
    ] = None
    consent: Annotated[Any, Field(description="A trait that must be true, or null")] = None
    audiences: Annotated[
        Any,
        Field(
            description="Ids of audiences that are sent in addition to the activation's audience"
        ),
    ] = None
    included_attribute: Annotated[
        Any,
        Field(
            description="Attribute that contains the activation's name; true: Included in Audience"
        ),
    ] = None


class DeliveryOptionsOutput(Output):
    """All delivery options of an activation, including defaults."""

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
    """A sync."""

    sync: SyncOutput


class SyncsData(Output):
    """A page of syncs."""

    syncs: list[SyncOutput]
    pagination: PaginationOutput


class RejectionsData(Output):
    """The rejected changes of a sync."""

    rejections: RejectionsOutput


class StatusData(Output):
    """The status of an activation."""

    status: StatusOutput


class DeliveryOptionsData(Output):
    """The delivery options of an activation."""

    delivery_options: DeliveryOptionsOutput


class ExplanationData(Output):
    """The explanation of a profile."""

    profile: dict[str, Any]
