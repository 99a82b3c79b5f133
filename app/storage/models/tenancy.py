"""Tables of workspaces, their tokens and spaces, the audit trail, and responses kept for repeated requests."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.storage.models.base import JSONB, Base, Created, Json, Moment


class Workspace(Base):
    """A tenant. Tokens and spaces belong to a workspace."""

    __tablename__ = "workspace"

    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    created_at: Mapped[Created]


class ApiToken(Base):
    """An API token. Only an HMAC of its secret is stored (R32)."""

    __tablename__ = "api_token"

    # The twelve characters of the token before its secret
    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspace.id"), index=True)
    name: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[Created]
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    last_used_at: Mapped[Moment | None]


class Space(Base):
    """A space of a workspace, which holds audiences and destinations."""

    __tablename__ = "space"
    __table_args__ = (UniqueConstraint("workspace_id", "slug"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspace.id"))
    slug: Mapped[str]
    name: Mapped[str]
    # Further words for "no value" in identifiers, in lower case
    absent_words: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"))
    created_at: Mapped[Created]


class AuditEvent(Base):
    """An entry of the audit trail, written in the transaction of the change."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_trail", "workspace_id", "timestamp", "id"),
        Index("ix_audit_event_resource", "workspace_id", "resource_type", "resource_id"),
    )

    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspace.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    space_id: Mapped[str | None]
    type: Mapped[str]
    actor: Mapped[str]
    actor_email: Mapped[str | None]
    resource_id: Mapped[str]
    resource_type: Mapped[str]
    resource_name: Mapped[str]
    # {fields: [{field, before, after}], omitted}; NULL: an event without changes
    changes: Mapped[Json | None] = mapped_column(JSONB)
    timestamp: Mapped[Created]


class IdempotencyKey(Base):
    """The response to a request with an idempotency key, kept for a day."""

    __tablename__ = "idempotency_key"

    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspace.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str]  # method and path
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None]
    response: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[Created]


class EncryptionCheck(Base):
    """A known value, encrypted with each key, so that a start with a wrong key is refused."""

    __tablename__ = "encryption_check"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Created]


class ConsoleSignOut(Base):
    """A session of the console that its visitor ended. The row is kept until the session would have ended."""

    __tablename__ = "console_sign_out"
    __table_args__ = (Index("ix_console_sign_out_end", "ends_at"),)

    nonce: Mapped[str] = mapped_column(primary_key=True)
    ends_at: Mapped[Moment]
