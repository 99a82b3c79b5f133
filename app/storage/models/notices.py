"""Notices to people and machines: a row until it is sent, as everything that must happen."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.notice_states import NoticeState
from app.storage.models.base import JSONB, Base, Created, Json, Moment


class Notice(Base):
    """One message to one recipient: a mail address, or a webhook destination of the space."""

    __tablename__ = "notice"
    __table_args__ = (
        ForeignKeyConstraint(
            ["space_id", "activation_id"], ["activation.space_id", "activation.id"]
        ),
        Index("ix_notice_activation", "space_id", "activation_id", "id"),
        Index("ix_notice_log", "space_id", "state", "id"),
        Index("ix_notice_day", "space_id", "created_at"),
        Index("ix_notice_due", "next_at", postgresql_where=text("state = 'new'")),
    )

    space_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    activation_id: Mapped[str]
    sync_id: Mapped[str | None]
    event: Mapped[str]  # NoticeEvent
    channel: Mapped[str]  # email, webhook
    recipient: Mapped[str]  # the mail address, or the id of the destination
    content: Mapped[Json] = mapped_column(JSONB)
    state: Mapped[NoticeState] = mapped_column(server_default=text("'new'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_at: Mapped[Created]
    sent_at: Mapped[Moment | None]
    error: Mapped[str | None]
    created_at: Mapped[Created]
