"""Tables of erasures of persons, and of keys that are refused from then on."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.erasure_states import ErasureState
from app.storage.models.base import JSONB, Base, Created, Json, Moment


class Erasure(Base):
    """The erasure of a person from a space. Its receipt names nobody; the names are encrypted, and removed at its end."""

    __tablename__ = "erasure"
    __table_args__ = (
        Index("ix_erasure_open", "state", postgresql_where=text("state <> 'complete'")),
        Index(
            "uq_erasure_open",
            "space_id",
            "digest",
            unique=True,
            postgresql_where=text("state <> 'complete'"),
        ),
    )

    space_id: Mapped[str] = mapped_column(ForeignKey("space.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)  # HMAC of the name that the request gave
    person: Mapped[bytes | None]  # encrypted JSON: the names; NULL when the erasure is complete
    refuse: Mapped[bool]
    state: Mapped[ErasureState] = mapped_column(server_default=text("'new'"))
    found: Mapped[Json] = mapped_column(JSONB, server_default=text("'{}'"))  # counts by place
    waits: Mapped[list[Json]] = mapped_column(JSONB, server_default=text("'[]'"))
    # {key: [readers]}: files that no row names any more, and the work that may still read them
    unnamed: Mapped[Json] = mapped_column(JSONB, server_default=text("'{}'"))
    passes: Mapped[int] = mapped_column(server_default=text("0"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_at: Mapped[Moment | None]
    lease_owner: Mapped[str | None]
    lease_token: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lease_until: Mapped[Moment | None]
    requested_by: Mapped[str]
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    finished_at: Mapped[Moment | None]


class RefusedKey(Base):
    """An id or identifier that is left out of uploads and runs. Only its HMAC is stored."""

    __tablename__ = "refused_key"

    space_id: Mapped[str] = mapped_column(ForeignKey("space.id"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    erasure_id: Mapped[str]
    created_at: Mapped[Created]
