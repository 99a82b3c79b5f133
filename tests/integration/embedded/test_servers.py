from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from arq.connections import RedisSettings, create_pool
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.memory import MEMORY
from tests.servers import TestServers, _remove_left_over, start_test_servers
from tests.users_database import UsersDatabase


@pytest.fixture(scope="module")
def servers() -> Iterator[TestServers]:
    running = start_test_servers()
    yield running
    running.stop()


async def fetch(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


class TestUrls:
    @pytest.mark.walk
    async def test_asyncpg_takes_the_database_url(self, servers: TestServers) -> None:
        assert await fetch(servers.database_url, "SELECT current_user") == "activations"

    @pytest.mark.walk
    async def test_sqlalchemy_takes_it_with_its_drivers_name(self, servers: TestServers) -> None:
        url = servers.database_url.replace("postgresql://", "postgresql+asyncpg://")
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
        await engine.dispose()

    async def test_arq_and_redis_take_the_redis_url(self, servers: TestServers) -> None:
        pool = await create_pool(RedisSettings.from_dsn(servers.redis_database(3)))
        await pool.set("a", "b")
        assert await pool.get("a") == b"b"
        await pool.aclose()


class TestServerSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            ("idle_in_transaction_session_timeout", "30s"),
            ("lock_timeout", "5s"),
            ("statement_timeout", "1min"),
            ("listen_addresses", ""),
            ("data_checksums", "on"),
            ("server_encoding", "UTF8"),
        ],
    )
    async def test_postgres_has(self, servers: TestServers, name: str, value: str) -> None:
        assert await fetch(servers.database_url, f"SHOW {name}") == value

    async def test_the_application_is_no_superuser(self, servers: TestServers) -> None:
        sql = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        assert await fetch(servers.database_url, sql) is False

    async def test_redis_never_evicts(self, servers: TestServers) -> None:
        pool = await create_pool(RedisSettings.from_dsn(servers.redis_url))
        assert await pool.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        await pool.aclose()


class TestDatabases:
    async def test_a_copy_has_the_templates_rows(self, servers: TestServers) -> None:
        template = servers.create_database("original")
        connection = await asyncpg.connect(template)
        await connection.execute("CREATE TABLE t AS SELECT 7 AS n")
        await connection.close()
        copy = await asyncio.to_thread(servers.create_database, "copied", "original")
        assert await fetch(copy, "SELECT n FROM t") == 7
        servers.drop_database("copied")
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await fetch(copy, "SELECT 1")


@pytest.mark.walk
@pytest.mark.skipif(not MEMORY.is_dir(), reason="this system has no /dev/shm")
def test_a_killed_server_of_the_tests_leaves_nothing(tmp_path: Path) -> None:
    killed = UsersDatabase()
    assert killed._process is not None
    maps = Path(f"/proc/{killed._process.pid}/maps").read_text().split()
    memory = {Path(word) for word in maps if word.startswith("/dev/shm/PostgreSQL.")}
    assert memory
    killed._process.kill()
    killed._process.wait(30)
    assert all(file.exists() for file in memory), "PostgreSQL itself removes them"
    time.sleep(1)  # younger files are left alone
    killed.stop()
    assert not any(file.exists() for file in (*memory, killed._folder))

    (tmp_path / "activations-test-999999999-x" / "data").mkdir(parents=True)
    (tmp_path / f"activations-test-{os.getpid()}-x").mkdir()
    _remove_left_over(tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == [f"activations-test-{os.getpid()}-x"]
