"""The table of workers that have reported to be alive."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from app.storage.models.base import Base, Moment


class WorkerBeat(Base):
    """One worker process and its last heartbeat. It counts as live until ``live_until``, unless it reports again."""

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    version: Mapped[str]
    lane: Mapped[str]  # arq: its queue loop received the job that wrote this; sweep: without Redis
    started_at: Mapped[Moment]
    beat_at: Mapped[Moment]
    live_until: Mapped[Moment]
