"""Audiences and what their membership is made from: datasets, runs, snapshots, patches, schedules, previews."""

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

from app.storage.models.base import JSONB, Base, Created, Json, Moment


class Dataset(Base):
    """A named table of a space that SQL definitions read."""

    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("space_id", "name"),)

    space_id: Mapped[str] = mapped_column(ForeignKey("space.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]  # upload, postgres
    file: Mapped[Json | None] = mapped_column(JSONB)  # StoredFile
    columns: Mapped[Json] = mapped_column(
        JSONB, server_default=text("'{}'")
    )  # name and type of each, in order
    row_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    byte_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    settings: Mapped[bytes | None]  # encrypted: where a database is, and what is read there
    created_by: Mapped[str]
    updated_by: Mapped[str]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Audience(Base):
    """An audience: its definition, and which snapshot is its membership now."""

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
    query: Mapped[str]  # empty: the membership is supplied
    target_entity: Mapped[str | None]
    options: Mapped[Json | None] = mapped_column(JSONB)
    current_snapshot_id: Mapped[str | None]
    pinned_snapshot_id: Mapped[str | None]
    version: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0")
    )  # fence of recomputes
    created_by: Mapped[str]
    updated_by: Mapped[str]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]

    @property
    def snapshot_id(self) -> str | None:
        """The snapshot that activations read: the pinned one, else the current one."""
        return self.pinned_snapshot_id or self.current_snapshot_id


class AudienceSchedule(Base):
    """When an audience is computed by itself."""

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
    """A definition tried before it is saved."""

    __tablename__ = "audience_preview"

    space_id: Mapped[str] = mapped_column(ForeignKey("space.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    audience_type: Mapped[str]
    query: Mapped[str]
    target_entity: Mapped[str | None]
    options: Mapped[Json | None] = mapped_column(JSONB)
    status: Mapped[str]  # RUNNING, COMPLETED, FAILED
    results: Mapped[list[Json] | None] = mapped_column(JSONB)
    size: Mapped[Json | None] = mapped_column(JSONB)
    failure_reason: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    lease_until: Mapped[Moment | None]
    created_at: Mapped[Created]


class Run(Base):
    """One recompute of an audience; makes one snapshot."""

    __tablename__ = "run"
    __table_args__ = (
        ForeignKeyConstraint(["space_id", "audience_id"], ["audience.space_id", "audience.id"]),
        Index("ix_run_audience", "space_id", "audience_id", "id"),
        Index("ix_run_open", "state", postgresql_where=text("state IN ('new', 'running')")),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    audience_id: Mapped[str]
    kind: Mapped[str]  # definition, upload, patch
    trigger: Mapped[str]  # api, schedule, upload, patch, dataset
    state: Mapped[str]  # new, running, complete, failed
    as_of: Mapped[Moment]
    make_current: Mapped[bool] = mapped_column(server_default=text("false"))  # although older
    input: Mapped[Json | None] = mapped_column(JSONB)  # the upload: StoredFile, format, encoding
    sources: Mapped[list[Json] | None] = mapped_column(JSONB)  # what it read, and when
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
    """The immutable membership that a run wrote."""

    __tablename__ = "snapshot"
    __table_args__ = (
        ForeignKeyConstraint(["space_id", "audience_id"], ["audience.space_id", "audience.id"]),
        Index("ix_snapshot_audience", "space_id", "audience_id", "version"),
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
    """An accepted single-member change, kept until the run that applies it has settled."""

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
