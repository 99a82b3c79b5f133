"""Tables of destinations, their connections to audiences, and activations with their revisions."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.activation_states import ActivationState
from app.storage.models.base import JSONB, ORDERED_JSON, Base, Created, Json, Moment


class Destination(Base):
    """A configured account at a partner, with its circuit breaker."""

    __tablename__ = "destination"

    space_id: Mapped[str] = mapped_column(ForeignKey("space.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    settings: Mapped[bytes]  # encrypted JSON
    # A digest of what distinguishes the account at the partner; NULL: not computed since the settings changed
    account: Mapped[str | None]
    open_until: Mapped[Moment | None]  # the breaker is open until then
    breaker: Mapped[Json | None] = mapped_column(JSONB)  # openings in a row, reason
    created_by: Mapped[str]
    updated_by: Mapped[str]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class DestinationConnection(Base):
    """A destination that was added to an audience."""

    __tablename__ = "destination_connection"
    __table_args__ = (
        ForeignKeyConstraint(["space_id", "audience_id"], ["audience.space_id", "audience.id"]),
        ForeignKeyConstraint(
            ["space_id", "destination_id"], ["destination.space_id", "destination.id"]
        ),
        UniqueConstraint("space_id", "audience_id", "destination_id"),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    audience_id: Mapped[str]
    destination_id: Mapped[str]
    id_sync: Mapped[list[Json]] = mapped_column(JSONB)  # the list in effect: given, or the default
    id_sync_given: Mapped[bool] = mapped_column(server_default=text("false"))
    connection_settings: Mapped[Json | None] = mapped_column(JSONB)
    # {list_key: id of the list that was created at the partner}
    lists: Mapped[Json] = mapped_column(JSONB, server_default=text("'{}'"))
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Activation(Base):
    """What is sent of an audience to a connection, and its progress."""

    __tablename__ = "activation"
    __table_args__ = (
        ForeignKeyConstraint(["space_id", "audience_id"], ["audience.space_id", "audience.id"]),
        ForeignKeyConstraint(
            ["space_id", "connection_id"],
            ["destination_connection.space_id", "destination_connection.id"],
        ),
        Index("ix_activation_audience", "space_id", "audience_id", "id"),
        Index("ix_activation_connection", "space_id", "connection_id"),
        Index("ix_activation_due", "next_due_at", postgresql_where=text("next_due_at IS NOT NULL")),
        Index(
            "ix_activation_awaits",
            "awaits_since",
            postgresql_where=text("awaits_since IS NOT NULL"),
        ),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    audience_id: Mapped[str]
    connection_id: Mapped[str | None]
    destination_id: Mapped[str]
    name: Mapped[str]
    enabled: Mapped[bool]
    state: Mapped[ActivationState]
    revision_id: Mapped[str]
    sync_number: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    holdings: Mapped[Json | None] = mapped_column(JSONB)  # Manifest
    held: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    assumed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    resync_wanted: Mapped[int] = mapped_column(server_default=text("0"))
    resync_done: Mapped[int] = mapped_column(server_default=text("0"))
    baseline_wanted: Mapped[bool] = mapped_column(server_default=text("false"))
    failing_since: Mapped[Moment | None]
    last_synced_at: Mapped[Moment | None]
    last_error: Mapped[Json | None] = mapped_column(JSONB)
    options: Mapped[Json] = mapped_column(JSONB)  # apply at once: frequency, brake, notifications
    next_due_at: Mapped[Moment | None]
    # Due since then; it waits for the runs of the audiences that it computes first
    awaits_since: Mapped[Moment | None]
    deleted_at: Mapped[Moment | None]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class ActivationSource(Base):
    """An audience of an activation, which sends their union. Position 0 is the audience that it belongs to."""

    __tablename__ = "activation_source"
    __table_args__ = (
        ForeignKeyConstraint(
            ["space_id", "activation_id"],
            ["activation.space_id", "activation.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(["space_id", "audience_id"], ["audience.space_id", "audience.id"]),
        Index("ix_activation_source_audience", "space_id", "audience_id"),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    activation_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    audience_id: Mapped[str]


class ActivationRevision(Base):
    """One immutable configuration of an activation."""

    __tablename__ = "activation_revision"
    __table_args__ = (
        ForeignKeyConstraint(
            ["space_id", "activation_id"],
            ["activation.space_id", "activation.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("space_id", "activation_id", "number"),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    activation_id: Mapped[str]
    number: Mapped[int]
    config: Mapped[Json] = mapped_column(ORDERED_JSON)
    created_by: Mapped[str]
    created_at: Mapped[Created]
