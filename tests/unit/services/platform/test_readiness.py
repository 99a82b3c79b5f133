"""Readiness: which of its servers a process can reach."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest

from app.core.version import VERSION
from app.services.platform.platform import Platform
from app.services.platform.readiness import check_readiness
from app.storage.revisions import _revisions, head


def platform(
    version: Any,
    *,
    redis: bool = True,
    redis_url: str | None = "redis://localhost",
    refusal: str | None = None,
    absence: str | None = None,
    fault: str | None = None,
    read_only: bool = False,
    expired: list[bool] | None = None,
) -> Platform:
    """A platform whose database returns or raises ``version``. ``expired`` gets an entry when its connections are given up."""
    expired = [] if expired is None else expired

    async def fetchrow(_: str) -> Any:
        if isinstance(version, Exception):
            raise version
        return version, read_only

    async def expire_connections() -> None:
        expired.append(True)

    async def ping() -> bool:
        return redis

    async def ask() -> str | None:
        return fault

    hot = SimpleNamespace(fetchrow=fetchrow, expire_connections=expire_connections)
    queue = SimpleNamespace(ping=ping, refusal=refusal, absence=absence)
    objects = SimpleNamespace(fault=ask)
    parts = SimpleNamespace(
        hot=hot,
        queue=queue,
        objects=objects,
        unit_of_work=no_database,
        settings=SimpleNamespace(redis_url=redis_url),
    )
    return cast(Platform, parts)


def no_database() -> Any:
    """There is no database to count the workers in."""
    raise OSError("refused")


EARLIER = next(one for one in sorted(_revisions()) if one != head())


@pytest.mark.parametrize(
    ("version", "database", "migrations"),
    [
        (head(), True, True),
        (EARLIER, True, False),
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
    assert (found.database, found.migrations) == (database, migrations)
    assert found.reasons == ({} if database else {"database": "the database does not respond"})
    assert found.ready is (database and migrations)


async def test_without_redis_it_is_ready_and_says_so() -> None:
    assert (await check_readiness(platform(head(), redis=False))).to_json() == {
        "status": "ready",
        "version": VERSION,
        "database": True,
        "migrations": True,
        "store": True,
        "redis": False,
        "workers": None,
        "reasons": {"redis": "Redis does not respond"},
    }


async def test_that_there_is_no_redis_is_told_apart_from_one_that_does_not_respond() -> None:
    found = await check_readiness(platform(head(), redis=False, redis_url=None))
    assert found.ready
    assert found.reasons["redis"].startswith("no Redis is configured or was found")


async def test_a_redis_that_is_away_is_named_with_its_reason() -> None:
    found = await check_readiness(platform(head(), redis=False, absence="connection refused"))
    assert found.ready
    assert found.reasons == {"redis": "Redis does not respond: connection refused"}


async def test_a_redis_that_refuses_is_named_with_its_reason() -> None:
    found = await check_readiness(platform(head(), redis=False, refusal="OOM command not allowed"))
    assert found.ready
    assert found.reasons == {"redis": "Redis refuses commands: OOM command not allowed"}


async def test_without_its_store_it_is_not_ready_and_names_it() -> None:
    found = await check_readiness(platform(head(), fault="no such bucket"))
    assert not found.ready
    assert found.reasons == {"store": "the object store cannot be used: no such bucket"}


async def test_during_an_upgrade_the_version_before_is_ready_and_says_so() -> None:
    found = await check_readiness(platform("a-migration-of-a-newer-version"))
    assert found.ready
    assert found.reasons["migrations"].startswith("a newer version of the service has migrated")


async def test_on_a_standby_it_is_not_ready_and_gives_up_its_connections() -> None:
    expired: list[bool] = []
    found = await check_readiness(platform(head(), read_only=True, expired=expired))
    assert not found.ready
    assert found.reasons["database"].startswith("the database is read-only")
    assert expired
