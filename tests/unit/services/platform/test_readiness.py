"""Readiness: which of its servers a process can reach."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest

from app.services.platform.platform import Platform
from app.services.platform.readiness import Readiness, check_readiness
from app.storage.migrate import head


def platform(version: Any, *, redis: bool = True) -> Platform:
    """A platform whose database returns or raises ``version``."""

    async def fetchval(_: str) -> Any:
        if isinstance(version, Exception):
            raise version
        return version

    async def ping() -> bool:
        return redis

    hot, queue = SimpleNamespace(fetchval=fetchval), SimpleNamespace(ping=ping)
    return cast(Platform, SimpleNamespace(hot=hot, queue=queue))


@pytest.mark.parametrize(
    ("version", "database", "migrations"),
    [
        (head(), True, True),
        ("an-earlier-migration", True, False),
        (asyncpg.UndefinedTableError("no table"), True, False),
        (asyncpg.TooManyConnectionsError("full"), False, False),
        (OSError("refused"), False, False),
        (TimeoutError(), False, False),
    ],
    ids=["migrated", "behind", "empty", "full", "refused", "silent"],
)
async def test_a_process_is_ready_if_its_database_is_there_and_migrated(
    version: Any, database: bool, migrations: bool
) -> None:
    found = await check_readiness(platform(version))
    assert found == Readiness(database=database, migrations=migrations, redis=True)
    assert found.ready is (database and migrations)


async def test_without_redis_it_is_ready_and_says_so() -> None:
    assert (await check_readiness(platform(head(), redis=False))).to_json() == {
        "status": "ready",
        "database": True,
        "migrations": True,
        "redis": False,
    }
