"""Tables of audiences and the sources of their membership: datasets, runs, snapshots, patches, schedules, previews."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.preview_states import PreviewState
from app.domain.run_states import RunKind, RunState
from app.storage.models.base import JSONB, Base, Created, Json, Moment


class Dataset(Base):
    """A named table of a space, which SQL definitions can read."""

    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("space_id", "name"),)

    space_id: Mapped[str] = mapped_column(ForeignKey("space.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]  # upload, postgres, object
    file: Mapped[Json | None] = mapped_column(JSONB)  # StoredFile
    # {"columns": [[name, type], …]}, in order
    columns: Mapped[Json] = mapped_column(JSONB, server_default=text("'{}'"))
    reading: Mapped[Json | None] = mapped_column(JSONB)  # UploadReport of the content
    row_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    byte_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    # Encrypted: the database and the table or query to read, or the file
    settings: Mapped[bytes | None]
    # The version of the file that was read last: {"path", "etag", "bytes", "modifiedAt", "readAt"}
    file_read: Mapped[Json | None] = mapped_column(JSONB)
    # Of the content, also after it was restored. None: of a content that an earlier version stored
    uploaded_by: Mapped[str | None]
    uploaded_at: Mapped[Moment | None]
    created_by: Mapped[str]
    updated_by: Mapped[str]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class DatasetContent(Base):
    """A former content of a dataset, which an upload has replaced. It can be restored."""

    __tablename__ = "dataset_content"
    __table_args__ = (
        ForeignKeyConstraint(
            ["space_id", "dataset_id"], ["dataset.space_id", "dataset.id"], ondelete="CASCADE"
        ),
        Index("ix_dataset_content_replaced", "replaced_at"),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    dataset_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    file: Mapped[Json] = mapped_column(JSONB)  # StoredFile
    columns: Mapped[Json] = mapped_column(JSONB)
    reading: Mapped[Json | None] = mapped_column(JSONB)
    row_count: Mapped[int] = mapped_column(BigInteger)
    byte_count: Mapped[int] = mapped_column(BigInteger)
    uploaded_by: Mapped[str]
    uploaded_at: Mapped[Moment]
    replaced_at: Mapped[Moment]


class Audience(Base):
    """An audience: its definition, and the snapshot that is its current membership."""

    __tablename__ = "audience"
    __table_args__ = (
        UniqueConstraint("space_id", "key"),
        Index("ix_audience_listing", "space_id", "created_at", "id"),
    )

    space_id: Mapped[str] = mapped_column(ForeignKey("space.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    key: Mapped[str]
    description: Mapped[str | None]
    enabled: Mapped[bool]
    audience_type: Mapped[str]  # USERS, ACCOUNTS, LINKED
    query: Mapped[str]  # empty if the members are uploaded
    target_entity: Mapped[str | None]
    options: Mapped[Json | None] = mapped_column(JSONB)
    current_snapshot_id: Mapped[str | None]
    pinned_snapshot_id: Mapped[str | None]
    # Fencing token of recomputes
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    created_by: Mapped[str]
    updated_by: Mapped[str]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]

    @property
    def snapshot_id(self) -> str | None:
        """The snapshot that activations read: the pinned one, else the current one."""
        return self.pinned_snapshot_id or self.current_snapshot_id


class RetiredKey(Base):
    """A key of a deleted audience that profiles at a partner may still carry. It is not assigned again."""

    __tablename__ = "retired_key"

    space_id: Mapped[str] = mapped_column(ForeignKey("space.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[Created]


class AudienceSchedule(Base):
    """A schedule on which an audience is recomputed automatically."""

    __tablename__ = "audience_schedule"
    __table_args__ = (
        ForeignKeyConstraint(
            ["space_id", "audience_id"], ["audience.space_id", "audience.id"], ondelete="CASCADE"
        ),
        Index("ix_audience_schedule_due", "next_due_at"),
        Index("ix_audience_schedule_audience", "space_id", "audience_id"),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    audience_id: Mapped[str]
    strategy: Mapped[str]
    config: Mapped[Json | None] = mapped_column(JSONB)
    next_due_at: Mapped[Moment | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class AudiencePreview(Base):
    """A definition that is computed before it is saved."""

    __tablename__ = "audience_preview"

    space_id: Mapped[str] = mapped_column(ForeignKey("space.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    audience_type: Mapped[str]
    query: Mapped[str]
    target_entity: Mapped[str | None]
    options: Mapped[Json | None] = mapped_column(JSONB)
    status: Mapped[PreviewState]
    results: Mapped[list[Json] | None] = mapped_column(JSONB)
    # The members of `results` as `find_row` returns them, with identifiers and traits
    rows: Mapped[list[Json] | None] = mapped_column(JSONB)
    size: Mapped[Json | None] = mapped_column(JSONB)
    failure_reason: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    lease_until: Mapped[Moment | None]
    created_at: Mapped[Created]


class Run(Base):
    """One recompute of an audience, which writes one snapshot."""

    __tablename__ = "run"
    __table_args__ = (
        ForeignKeyConstraint(["space_id", "audience_id"], ["audience.space_id", "audience.id"]),
        Index("ix_run_audience", "space_id", "audience_id", "id"),
        Index("ix_run_open", "state", postgresql_where=text("state IN ('new', 'running')")),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    audience_id: Mapped[str]
    kind: Mapped[RunKind]
    trigger: Mapped[str]  # api, schedule, activation, upload, patch
    state: Mapped[RunState]
    as_of: Mapped[Moment]
    # Even if a newer snapshot exists
    make_current: Mapped[bool] = mapped_column(server_default=text("false"))
    input: Mapped[Json | None] = mapped_column(JSONB)  # the upload: StoredFile, format, encoding
    sources: Mapped[list[Json] | None] = mapped_column(JSONB)  # what the run read, and when
    notes: Mapped[list[str] | None] = mapped_column(JSONB)  # what depends on the order of rows
    # {"email": {"word": 3}}: values of identifiers that are none, by column and reason
    absent: Mapped[Json | None] = mapped_column(JSONB)
    refused: Mapped[int | None] = mapped_column(BigInteger)  # members left out: refused keys
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    lost_leases: Mapped[int] = mapped_column(server_default=text("0"))
    lease_owner: Mapped[str | None]
    lease_token: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lease_until: Mapped[Moment | None]
    next_at: Mapped[Moment | None]
    snapshot_id: Mapped[str | None]
    became_current: Mapped[bool | None]
    members: Mapped[int | None] = mapped_column(BigInteger)
    entered: Mapped[int | None] = mapped_column(BigInteger)
    exited: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[Json | None] = mapped_column(JSONB)
    created_by: Mapped[str]
    created_at: Mapped[Created]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]


class Snapshot(Base):
    """The immutable membership of an audience that a run wrote."""

    __tablename__ = "snapshot"
    __table_args__ = (
        ForeignKeyConstraint(["space_id", "audience_id"], ["audience.space_id", "audience.id"]),
        Index("ix_snapshot_audience", "space_id", "audience_id", "version"),
        Index("ix_snapshot_age", "created_at"),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    audience_id: Mapped[str]
    run_id: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    as_of: Mapped[Moment]
    manifest: Mapped[Json] = mapped_column(JSONB)
    traits: Mapped[Json] = mapped_column(JSONB)  # trait -> engine type
    identifiers: Mapped[list[str]] = mapped_column(JSONB)
    row_count: Mapped[int] = mapped_column(BigInteger)
    byte_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Created]


class MemberPatch(Base):
    """An accepted change of single members, kept until the run that applies it has ended."""

    __tablename__ = "member_patch"
    __table_args__ = (
        ForeignKeyConstraint(
            ["space_id", "audience_id"], ["audience.space_id", "audience.id"], ondelete="CASCADE"
        ),
        Index("ix_member_patch_audience", "space_id", "audience_id", "id"),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    audience_id: Mapped[str]
    run_id: Mapped[str | None]
    add: Mapped[list[Json]] = mapped_column(JSONB)
    remove: Mapped[list[str]] = mapped_column(JSONB)
    created_at: Mapped[Created]
