"""Queries of notices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import DateTime, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.notice_states import NoticeState
from app.storage.models import Notice

_database_now = func.clock_timestamp(type_=DateTime(timezone=True))


class NoticeRepository:
    """Notices that wait, and what became of them."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    def add(self, notice: Notice) -> None:
        """A new one."""
        self.session.add(notice)

    async def due(self, limit: int) -> Sequence[Notice]:
        """Those whose time has come."""
        query = (
            select(Notice)
            .where(Notice.state == NoticeState.NEW, Notice.next_at <= _database_now)
            .order_by(Notice.next_at)
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    async def claim(self, space_id: str, notice_id: str, lease: timedelta) -> Notice | None:
        """Take a notice that is due; nobody else does while the lease lasts."""
        statement = (
            update(Notice)
            .where(
                Notice.space_id == space_id,
                Notice.id == notice_id,
                Notice.state == NoticeState.NEW,
                Notice.next_at <= _database_now,
            )
            .values(attempts=Notice.attempts + 1, next_at=_database_now + lease)
            .returning(Notice)
            .execution_options(populate_existing=True)
        )
        return (await self.session.scalars(statement)).first()

    async def end(self, notice: Notice, **values: Any) -> None:
        """Write what became of an attempt."""
        if values.get("state") == NoticeState.SENT:
            values["sent_at"] = _database_now
        wait = values.pop("wait", None)
        if wait is not None:
            values["next_at"] = _database_now + wait
        await self.session.execute(
            update(Notice)
            .where(
                Notice.space_id == notice.space_id,
                Notice.id == notice.id,
                Notice.attempts == notice.attempts,
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )
