"""The unit of work: one transaction, one commit, then what was left to be done after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.core.logging import get_logger

log = get_logger(__name__)

AfterCommit = Callable[[], Awaitable[None]]
UnitOfWork = Callable[[], AbstractAsyncContextManager[AsyncSession]]

_KEY = "after_commit"


def on_commit(session: AsyncSession, action: AfterCommit) -> None:
    """Run ``action`` once this session's transaction is committed; never, if it is not."""
    session.info.setdefault(_KEY, []).append(action)


async def commit(session: AsyncSession) -> None:
    """Commit, then run what was left; a failing bell is logged, since the sweep rings again."""
    await session.commit()
    for action in session.info.pop(_KEY, []):
        try:
            await action()
        except Exception as error:  # noqa: BLE001  the work is committed; whatever fails now is only a hint
            log.warning("after_commit_failed", error=type(error).__name__)


def unit_of_work_of(sessions: async_sessionmaker[AsyncSession], **info: Any) -> UnitOfWork:
    """A factory of transactions: ``async with unit_of_work() as session``; ``info`` is put into each session's."""

    @asynccontextmanager
    async def unit_of_work() -> AsyncIterator[AsyncSession]:
        async with sessions(info=info) as session:
            yield session
            await commit(session)

    return unit_of_work
