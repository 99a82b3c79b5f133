"""Transactions that lose their connection are repeated as a whole."""

from __future__ import annotations

from functools import partial

import asyncpg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

from app.services.platform.platform import Platform
from app.services.platform.transactions import is_lost, retry_transaction
from app.storage import engine
from app.storage.connections import connect
from app.storage.engine import DatabaseAway, open_database
from app.storage.models import Workspace


async def test_a_transaction_whose_connection_is_cut_is_repeated(platform: Platform) -> None:
    tries = 0

    async def work(session: AsyncSession) -> None:
        nonlocal tries
        tries += 1
        session.add(Workspace(id=f"ws_{tries}", slug=f"w{tries}", name="Test"))
        await session.flush()
        if tries == 1:
            own = await session.scalar(text("SELECT pg_backend_pid()"))
            async with platform.unit_of_work() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
            await session.execute(text("SELECT 1"))

    await retry_transaction(platform.unit_of_work, work)
    async with platform.unit_of_work() as session:
        kept = (await session.scalars(select(Workspace.id))).all()
    assert list(kept) == ["ws_2"]


async def test_a_database_that_is_away_is_named(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver raises timeouts and refused connections as those of any socket."""
    nowhere = open_database("postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(engine, "connect", partial(connect, command_timeout=0.3))
    assert platform.settings.database_url is not None
    silent = open_database(platform.settings.database_url.get_secret_value())
    for database, statement in ((nowhere, "SELECT 1"), (silent, "SELECT pg_sleep(60)")):
        with pytest.raises(DatabaseAway) as raised:
            async with database.sessions() as session:
                await session.execute(text(statement))
        assert is_lost(raised.value)
        await database.close()


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), True),
        (asyncpg.CannotConnectNowError("the database system is starting up"), True),
        (asyncpg.AdminShutdownError("terminating connection"), True),
        (asyncpg.ReadOnlySQLTransactionError("cannot execute UPDATE"), True),
        (asyncpg.DiskFullError("could not extend file"), True),
        (asyncpg.OutOfMemoryError("out of memory"), True),
        (asyncpg.InvalidPasswordError("password authentication failed"), True),
        (asyncpg.InvalidCatalogNameError("database does not exist"), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InternalClientError("cannot switch to state 11"), True),
        (PoolTimeout("QueuePool limit of size 10 overflow 10 reached"), True),
        (DatabaseAway("cut"), True),
        (asyncpg.QueryCanceledError("canceling statement due to statement timeout"), False),
        (asyncpg.UniqueViolationError("duplicate key"), False),
        (ConnectionResetError("the pipe of a child"), False),
        (TimeoutError("of something else"), False),
        (BrokenPipeError("the end of a pipe"), False),
    ],
    ids=lambda value: str(value),
)
def test_what_says_that_the_database_is_away(error: Exception, lost: bool) -> None:
    assert is_lost(error) is lost
