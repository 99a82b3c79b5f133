from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from app.sources.postgres.intake import begin_step, watch
from tests.integration.sources.test_reader import source
from tests.users_database import PASSWORD, UsersDatabase


@pytest.mark.walk
async def test_a_lost_connection_is_reported_by_the_driver(users_database: UsersDatabase) -> None:
    """A step may begin on it: the next query says that it is lost."""
    about = source(users_database)
    connection: Any = await asyncpg.connect(
        host=about.host,
        port=about.port,
        database=about.database,
        user=about.user,
        password=PASSWORD,
        ssl=False,
    )
    watch(connection)
    begin_step(connection)
    connection._transport.abort()
    await asyncio.sleep(0.05)
    begin_step(connection)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.execute("SELECT 1")
    begin_step(connection)
