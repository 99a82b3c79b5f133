"""Notices: webhooks and e-mails that wait to be sent, and the result of each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, delete, select, update

from app.domain.notice_states import NoticeState
from app.domain.notices import NoticeEvent
from app.storage.models import Activation, Notice
from app.storage.repositories.base import DATABASE_NOW, Repository

IS_DUE = (Notice.state == NoticeState.NEW, Notice.next_at <= DATABASE_NOW)


class NoticeRepository(Repository[Notice]):
    """Table ``notice``."""

    model = Notice
    noun = "notice"
    key = (Notice.space_id, Notice.id)
    parent = (Notice.space_id,)

    async def claim(self, space_id: str, notice_id: str, lease: timedelta) -> Notice | None:
        """Claim a due notice for the time of a lease. Returns None if it is not due."""
        statement = (
            update(Notice)
            .where(
                Notice.space_id == space_id,
                Notice.id == notice_id,
                *IS_DUE,
            )
            .values(attempts=Notice.attempts + 1, next_at=DATABASE_NOW + lease)
            .returning(Notice)
            .execution_options(populate_existing=True)
        )
        return (await self.session.scalars(statement)).first()

    async def renew(self, notice: Notice, lease: timedelta) -> bool:
        """Extend the lease of an attempt. Returns False if a later attempt has begun."""
        statement = update(Notice).where(
            Notice.space_id == notice.space_id,
            Notice.id == notice.id,
            Notice.attempts == notice.attempts,
            Notice.state == NoticeState.NEW,
        )
        return await self._write(statement.values(next_at=DATABASE_NOW + lease)) == 1

    async def end(self, notice: Notice, **values: Any) -> None:
        """Write the result of an attempt, unless a later attempt has begun. ``wait`` is the time until the next one."""
        if values.get("state") == NoticeState.SENT:
            values["sent_at"] = DATABASE_NOW
        wait = values.pop("wait", None)
        if wait is not None:
            values["next_at"] = DATABASE_NOW + wait
        await self._write(
            update(Notice)
            .where(
                Notice.space_id == notice.space_id,
                Notice.id == notice.id,
                Notice.attempts == notice.attempts,
            )
            .values(**values)
        )

    async def has_not_computed(self, activation: Activation, since: str) -> bool:
        """Return whether a notice says that an audience of an activation could not be computed after ``since`` (RFC 3339)."""
        query = select(Notice.id).where(
            Notice.space_id == activation.space_id,
            Notice.activation_id == activation.id,
            Notice.event == NoticeEvent.FAILED,
            Notice.sync_id.is_(None),
            Notice.content["at"].astext > since,
        )
        return bool(await self.session.scalar(select(query.exists())))

    async def delete_all(self, space_id: str, activation_ids: Select[str]) -> None:
        """Delete all notices about some activations."""
        await self._write(
            delete(Notice).where(
                Notice.space_id == space_id, Notice.activation_id.in_(activation_ids)
            )
        )
