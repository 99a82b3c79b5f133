"""The unit of work: one transaction, one commit, then the actions registered with ``on_commit``."""

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
OWNERS = "owners"  # key in ``session.info`` of ``{space id: workspace id}``, which all sessions of a process share


def on_commit(session: AsyncSession, action: AfterCommit) -> None:
    """Run ``action`` after the transaction of this session is committed. A rollback drops it."""
    session.info.setdefault(_KEY, []).append(action)


async def commit(session: AsyncSession) -> None:
    """Commit, then run the registered actions. A failing wake-up is only logged: the sweep repeats it."""
    await session.commit()
    for action in session.info.pop(_KEY, []):
        try:
            await action()
        except Exception as error:  # noqa: BLE001  the work is committed; the actions are only wake-ups
            log.warning("after_commit_failed", error=type(error).__name__)


async def read_as_of_one_moment(session: AsyncSession) -> None:
    """Let all statements of this transaction see the rows of one moment, that of the next statement.

    Under READ COMMITTED each statement sees its own moment, so what moves between two tables can be in neither read.
    Raises InvalidRequestError if the transaction has begun.
    """
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def unit_of_work_of(sessions: async_sessionmaker[AsyncSession], **info: Any) -> UnitOfWork:
    """Return a factory of transactions: ``async with unit_of_work() as session``. Each session gets ``info``."""
    info[OWNERS] = {}

    @asynccontextmanager
    async def unit_of_work() -> AsyncIterator[AsyncSession]:
        async with sessions(info=info) as session:
            yield session
            await commit(session)

    return unit_of_work
