"""Tables of syncs, their sources, batches and attempts."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.batch_states import BatchState
from app.domain.sync_states import SyncKind, SyncState
from app.storage.models.base import JSONB, Base, Created, Json, Moment

#: When a batch of a table ``{0}`` is due: only a batch that is being sent has a lease. An index has this expression.
DUE_AT = "COALESCE({0}.lease_until, {0}.next_at)"


class Sync(Base):
    """One reconciliation of an activation."""

    __tablename__ = "sync"
    __table_args__ = (
        ForeignKeyConstraint(
            ["space_id", "activation_id"], ["activation.space_id", "activation.id"]
        ),
        UniqueConstraint("space_id", "activation_id", "number"),
        Index(
            "uq_sync_open",
            "space_id",
            "activation_id",
            unique=True,
            postgresql_where=text(
                "kind <> 'dry_run' AND state IN ('new', 'pending', 'held', 'running')"
            ),
        ),
        Index(
            "ix_sync_open_states",
            "state",
            postgresql_where=text("state IN ('new', 'pending', 'held', 'running')"),
        ),
        # Syncs whose plan or outcome is still kept
        Index(
            "ix_sync_files",
            "space_id",
            "activation_id",
            "number",
            postgresql_where=text("plan IS NOT NULL OR outcome IS NOT NULL"),
        ),
        Index(
            "ix_sync_age",
            "finished_at",
            postgresql_where=text("plan IS NOT NULL OR outcome IS NOT NULL"),
        ),
        Index("ix_sync_listing", "space_id", "activation_id", "id"),
        # The log of a space by state, and what ended lately
        Index("ix_sync_log", "space_id", "state", "id"),
        Index(
            "ix_sync_ended", "space_id", "finished_at", postgresql_include=["delivered", "rejected"]
        ),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    activation_id: Mapped[str]
    destination_id: Mapped[str]
    number: Mapped[int] = mapped_column(BigInteger)
    revision_id: Mapped[str | None]  # pinned when planned
    kind: Mapped[SyncKind]
    # What opened it: run, api, schedule, configuration, resync, newer, retry, rollback
    trigger: Mapped[str]
    state: Mapped[SyncState]
    resync_generation: Mapped[int] = mapped_column(server_default=text("0"))
    retry_refused: Mapped[bool] = mapped_column(server_default=text("false"))
    # What else is tried again: [{sync, reason}], changes that a sync had rejected for a reason
    retried: Mapped[list[Json] | None] = mapped_column(JSONB)
    plan: Mapped[Json | None] = mapped_column(JSONB)  # StoredFile
    spec: Mapped[Json | None] = mapped_column(JSONB)  # PlanSpec of the plan
    outcome: Mapped[Json | None] = mapped_column(JSONB)  # StoredFile
    planned_at: Mapped[Moment | None]
    wanted: Mapped[int | None] = mapped_column(BigInteger)
    held: Mapped[int | None] = mapped_column(BigInteger)
    entered: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    exited: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    updated: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    left_out: Mapped[Json] = mapped_column(JSONB, server_default=text("'{}'"))
    batches: Mapped[int] = mapped_column(server_default=text("0"))
    delivered: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rejected: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    skipped: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rejections: Mapped[Json | None] = mapped_column(JSONB)  # counts by reason, 100 samples
    report: Mapped[Json | None] = mapped_column(JSONB)  # of a dry run or a test send
    hold_reason: Mapped[str | None]
    approved_by: Mapped[str | None]
    closing: Mapped[SyncState | None]  # SyncState that it gets when settled, if it is closed early
    error: Mapped[Json | None] = mapped_column(JSONB)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    lost_leases: Mapped[int] = mapped_column(server_default=text("0"))
    next_at: Mapped[Moment | None]  # earliest time of the next planning or settling
    last_unknown_at: Mapped[Moment | None]
    last_claim_at: Mapped[Moment | None]
    lease_owner: Mapped[str | None]
    lease_token: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lease_until: Mapped[Moment | None]
    opened_by: Mapped[str]
    opened_at: Mapped[Created]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]

    @property
    def planned(self) -> int:
        """Number of changes in the plan."""
        return self.entered + self.exited + self.updated


class SyncSource(Base):
    """The snapshot of an audience that a sync was planned from."""

    __tablename__ = "sync_source"
    __table_args__ = (
        ForeignKeyConstraint(
            ["space_id", "sync_id"], ["sync.space_id", "sync.id"], ondelete="CASCADE"
        ),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    sync_id: Mapped[str] = mapped_column(primary_key=True)
    audience_id: Mapped[str] = mapped_column(primary_key=True)
    snapshot_id: Mapped[str]


class Batch(Base):
    """A numbered range of rows of a plan. It is claimed and recorded as a whole."""

    __tablename__ = "batch"
    __table_args__ = (
        ForeignKeyConstraint(
            ["space_id", "sync_id"], ["sync.space_id", "sync.id"], ondelete="CASCADE"
        ),
        Index(
            "ix_batch_unsettled",
            "space_id",
            "sync_id",
            "priority",
            "number",
            postgresql_where=text("state <> 'settled'"),
        ),
        # Finds a due batch of a sync without reading those that wait
        Index(
            "ix_batch_due",
            "space_id",
            "sync_id",
            text(DUE_AT.replace("{0}.", "")),
            postgresql_where=text("state <> 'settled'"),
        ),
        # Calls that the partner works on, also after their sync has ended
        Index(
            "ix_batch_at_partner",
            "space_id",
            "sync_id",
            postgresql_where=text("state <> 'settled' AND continuation IS NOT NULL"),
        ),
        # Batches that are sent alone, because they may be what ends workers
        Index(
            "ix_batch_suspect",
            "space_id",
            "sync_id",
            postgresql_where=text("state <> 'settled' AND lost_leases >= 2"),
        ),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    sync_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str | None]  # None: all kinds
    priority: Mapped[int] = mapped_column(SmallInteger)
    first_row: Mapped[int] = mapped_column(BigInteger)
    row_count: Mapped[int] = mapped_column(BigInteger)
    # Rows of each of its calls; None: the batch is one call
    call_rows: Mapped[int | None] = mapped_column(BigInteger)
    first_call: Mapped[int | None]  # number of its first call in the plan; None: that of the batch
    state: Mapped[BatchState] = mapped_column(server_default=text("'waiting'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    # Refusals of the batch as a whole
    refusals: Mapped[int] = mapped_column(server_default=text("0"))
    # Workers that ended in a row while they had it
    lost_leases: Mapped[int] = mapped_column(server_default=text("0"))
    ambiguous: Mapped[bool] = mapped_column(server_default=text("false"))  # may have been applied
    failing_since: Mapped[Moment | None]
    next_at: Mapped[Created]
    lease_owner: Mapped[str | None]
    lease_token: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lease_until: Mapped[Moment | None]
    continuation: Mapped[Json | None] = mapped_column(JSONB)
    progress: Mapped[Json | None] = mapped_column(JSONB)  # CallProgress of many calls
    receipts: Mapped[Json | None] = mapped_column(JSONB)  # if they are few
    receipts_file: Mapped[Json | None] = mapped_column(JSONB)  # if they are many
    delivered: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    rejected: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    skipped: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class Attempt(Base):
    """One attempt to send a batch. The row is committed before anything is sent (R8)."""

    __tablename__ = "attempt"
    __table_args__ = (
        ForeignKeyConstraint(
            ["space_id", "sync_id", "number"],
            ["batch.space_id", "batch.sync_id", "batch.number"],
            ondelete="CASCADE",
        ),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    sync_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    lease_token: Mapped[int] = mapped_column(BigInteger)
    worker: Mapped[str]
    started_at: Mapped[Created]
    ended_at: Mapped[Moment | None]
    http_status: Mapped[int | None]
    outcome: Mapped[str | None]  # AttemptOutcome or Failure
    vendor_request_id: Mapped[str | None]
    error: Mapped[str | None]
    # Of a batch of many calls: the calls that ended, were confirmed, and failed; None: the batch was one call
    calls: Mapped[int | None]
    calls_delivered: Mapped[int | None]
    calls_failed: Mapped[int | None]
