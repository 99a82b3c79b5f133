"""Connections of the pool: replaced when they are closed or silent, and used without a test otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.services.platform import is_lost
from app.storage import engine as engines
from app.storage.connections import SESSION, UNUSED
from app.storage.engine import Database, DatabaseAway, open_database
from tests.servers import Lender


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = open_database(database_url)
    yield opened
    await opened.close()


async def backend(database: Database) -> int:
    async with database.sessions() as session:
        return int((await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def backends(database: Database, count: int) -> list[int]:
    return list(await asyncio.gather(*(backend(database) for _ in range(count))))


async def test_a_connection_is_used_again(database: Database) -> None:
    assert await backend(database) == await backend(database)


async def test_connections_that_the_server_closed_are_replaced(
    database: Database, lender: Lender
) -> None:
    before = await backends(database, 3)
    lender.end(before)
    await asyncio.sleep(0.05)  # the client sees the end of the connections
    after = await backends(database, 3)
    assert not set(before) & set(after)


async def test_a_connection_is_tested_after_a_pause(
    database: Database, lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await backends(database, 3)
    monkeypatch.setattr(engines, "IDLE", 0.0)
    lender.end(before)  # without a turn of the event loop: the client does not know it yet
    after = await backends(database, 3)
    assert not set(before) & set(after)


async def test_a_use_soon_after_another_costs_no_test(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await backend(database)
    tests = 0
    ping = database.engine.dialect.do_ping

    def counted(connection: Any) -> bool:
        nonlocal tests
        tests += 1
        return ping(connection)

    monkeypatch.setattr(database.engine.dialect, "do_ping", counted)
    await backend(database)
    assert tests == 0


@pytest.mark.walk
async def test_connections_of_a_peak_are_closed_when_nothing_uses_them(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SESSION, "idle_session_timeout", "2s")
    monkeypatch.setattr(engines, "UNUSED", 2.0)
    monkeypatch.setattr(engines, "_MARGIN", 0.5)
    database = open_database(database_url)
    peak = await backends(database, 5)
    used = await backend(database)
    for _ in range(30):
        await asyncio.sleep(0.1)
        assert await backend(database) == used, "the pool uses the connection that it used last"
    async with database.sessions() as session:
        statement = text("SELECT pid FROM pg_stat_activity WHERE pid = ANY(:peak)")
        left = set((await session.execute(statement, {"peak": peak})).scalars())
    assert left == {used}
    again = await backends(database, 5)
    assert len(set(again)) == 5
    assert set(again) & set(peak) == {used}
    await database.close()


async def test_a_connection_is_replaced_before_the_server_closes_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_MARGIN", UNUSED)
    database = open_database(database_url)
    assert await backend(database) != await backend(database)
    await database.close()


async def test_each_way_to_connect_says_that_the_database_is_away() -> None:
    nowhere = open_database("postgresql://nobody@127.0.0.1:1/nothing")
    hot = await nowhere.hot_pool()
    with pytest.raises(DatabaseAway):
        await hot.fetchval("SELECT 1")
    with pytest.raises(DatabaseAway):
        await backend(nowhere)
    await hot.close()
    await nowhere.close()


async def test_connections_to_a_server_that_became_a_standby_are_given_up(
    database: Database,
) -> None:
    read_only = text(
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
    )  # what a standby answers
    before = await backends(database, 3)
    async with database.sessions() as session:
        await session.execute(read_only)
        await session.commit()
    with pytest.raises(DBAPIError) as caught:
        async with database.sessions() as session:
            await session.execute(text("CREATE TABLE written (id int)"))
    assert is_lost(caught.value)
    assert not set(before) & set(await backends(database, 3))
