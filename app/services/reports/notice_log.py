"""Notices of a space: those that were sent, that failed, and that wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import Page, PageRequest, make_page
from app.domain.notice_states import NoticeState
from app.storage.repositories.notice_log import LoggedNotice, NoticeLogQueries

__all__ = ["LoggedNotice", "count_notices", "page_notices"]

_DAY = timedelta(days=1)


async def page_notices(
    session: AsyncSession, space_id: str, state: NoticeState | None, request: PageRequest
) -> Page[LoggedNotice]:
    """Return a page of the notices of a space, newest first; ``state`` restricts it. Raises Invalid for a bad cursor."""
    position = request.position()
    found = await NoticeLogQueries(session).walk(space_id, state, position, request.count + 1)
    return make_page(found, request=request, position=position, key=lambda row: (row.notice.id,))


async def count_notices(session: AsyncSession, space_id: str) -> Mapping[NoticeState, int]:
    """Return how many notices of the last 24 hours are in each state: ``{state: number}``."""
    return await NoticeLogQueries(session).counts(space_id, _DAY)
