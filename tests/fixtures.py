"""What every test may ask for: real servers, a fresh database, an open platform, a client."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import redis
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.main import create_app
from app.services.platform.platform import Platform, open_platform
from app.storage.migrate import upgrade
from tests.compiled_statements import share_compiled_statements
from tests.flow import Flow, installation, worker
from tests.servers import (
    Lender,
    TestServers,
    make_reachable_folder,
    remove_reachable_folder,
    start_fast_servers,
)
from tests.stepping import stepped
from tests.users_database import USER, UsersDatabase

share_compiled_statements()

# The default shows all variables of a traceback: that takes a second, in which nothing else runs.
structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback

TEMPLATE = "template_of_tests"


@pytest.fixture(scope="session")
def servers() -> Iterator[TestServers]:
    """PostgreSQL and Redis for the whole session, with a migrated template database."""
    running = start_fast_servers()
    try:
        upgrade(running.create_database(TEMPLATE))
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def users_database() -> Iterator[UsersDatabase]:
    """A user's own PostgreSQL over TCP, with a few orders of a shop."""
    running = UsersDatabase()
    try:
        running.sql(
            f"""CREATE TYPE mood AS ENUM ('happy', 'sad');
            CREATE DOMAIN small_number AS int CHECK (VALUE < 10);
            CREATE TABLE secrets (secret text);
            CREATE TABLE orders (customer_id text, email text, amount numeric(10,2), bought_at timestamptz);
            INSERT INTO orders VALUES
              ('00017', 'ada@example.com', 19.90, '2026-01-03 10:00+00'),
              ('00018', 'grace@example.com', 7.50, '2026-01-20 10:00+00'),
              ('00018', 'grace@example.com', 4.25, '2026-01-21 10:00+00'),
              ('00019', 'alan@example.com', 42.00, '2026-03-28 10:00+00');
            GRANT SELECT ON orders TO {USER};"""
        )
        yield running
    finally:
        running.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that the account of the embedded servers can enter."""
    made = make_reachable_folder()
    yield made
    remove_reachable_folder(made)


@pytest.fixture(scope="session")
def lender(servers: TestServers) -> Iterator[Lender]:
    """The lender of this process's databases."""
    opened = Lender(servers, TEMPLATE)
    yield opened
    opened.close()


@pytest.fixture
def database_url(lender: Lender) -> Iterator[str]:
    """An empty, migrated database."""
    yield lender.lend()
    lender.take_back()


@pytest.fixture
def redis_url(servers: TestServers) -> str:
    """An emptied Redis."""
    with redis.Redis.from_url(servers.redis_url) as connection:
        connection.flushall()
    return servers.redis_url


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    """Settings of a small installation whose waits are short."""
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        data_dir=tmp_path / "data",
        encryption_keys="k1:" + "a2V5" * 10 + "a2U=",
        token_pepper="pepper-of-the-tests-pepper-of-the-tests-0000",
        outbound_allow="127.0.0.1",
        lease=timedelta(seconds=4),
        settle_time=timedelta(seconds=1),
        sweep_interval=timedelta(seconds=1),  # each sweep costs as much as a small test
        delivery_concurrency=16,
        delivery_concurrency_per_account=8,
        http_total_timeout=timedelta(seconds=2),
        http_connect_timeout=timedelta(seconds=1),
        retry_waits=(timedelta(milliseconds=100), timedelta(milliseconds=300)),
    )


@pytest.fixture
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    """Everything that a process works with, open."""
    opened = await open_platform(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def session(platform: Platform) -> AsyncIterator[AsyncSession]:
    """A transaction that is rolled back."""
    async with platform.database.sessions() as opened:
        yield opened
        await opened.rollback()


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, in this process."""
    application = create_app(platform.settings, platform=platform)
    transport = httpx.ASGITransport(app=application)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=transport, base_url="http://service") as opened,
    ):
        yield opened


@pytest.fixture
async def flow(request: pytest.FixtureRequest, platform: Platform) -> AsyncIterator[Flow]:
    """A space with an audience that is connected to a receiver.

    The mark ``installation`` gives settings of the account; with ``worker=True`` a worker runs, with ``stepped=True``
    what is due is done when the test waits for it.
    """
    mark = request.node.get_closest_marker("installation")
    given = dict(mark.kwargs) if mark else {}
    works, steps = given.pop("worker", False), given.pop("stepped", False)
    async with contextlib.AsyncExitStack() as stack:
        made = await stack.enter_async_context(installation(platform, **given))
        if works:
            await stack.enter_async_context(worker(platform))
        yield stepped(made) if steps else made
