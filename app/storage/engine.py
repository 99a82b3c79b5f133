"""Connections to PostgreSQL: one SQLAlchemy engine, and a small asyncpg pool for hot reads."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import NullPool

from app.core.database_url import DatabaseAddress, parse_database_url
from app.core.storable import storable_json
from app.storage.connections import (
    MIGRATION_SESSION,
    UNUSED,
    Connection,
    PooledConnection,
    connect,
)

IDLE = 5.0  # seconds without use after which a connection is tested before it is used
# Seconds before the server closes an unused connection in which it is not used, so that no statement meets the end.
_MARGIN = 10.0

_READ_ONLY = "25006"  # a write on a standby, or on a primary that became one

Opener = Callable[..., Awaitable[Connection]]


class DatabaseAway(ConnectionError):
    """The database cannot be reached, or it stopped responding."""


async def _keep(connection: Connection) -> None:
    """Skip the reset of a connection: single reads leave no state, and a reset costs a round trip."""


async def _read_json(connection: Connection) -> None:
    """Let JSON be read as the ORM reads it."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=str, decoder=json.loads, format="text"
        )


@dataclass(frozen=True, slots=True)
class Database:
    """An engine and its session factory."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    address: DatabaseAddress

    async def hot_pool(self, size: int = 8) -> asyncpg.Pool[asyncpg.Record]:
        """Open a pool of asyncpg connections, for reads that are too frequent for the ORM. The first read connects."""

        async def open_connection(*_: Any, **__: Any) -> Connection:
            return await _open(self.address)

        return await asyncpg.create_pool(
            min_size=0,
            max_size=size,
            max_inactive_connection_lifetime=UNUSED - _MARGIN,
            connect=open_connection,
            connection_class=PooledConnection if self.address.pooled else asyncpg.Connection,
            reset=_keep,
            init=_read_json,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def open_database(url: str, *, pool_size: int = 10) -> Database:
    """Create the engine. It connects on first use. Raises ValueError if the URL is malformed."""
    address = parse_database_url(url)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_recycle=1800,
        pool_use_lifo=True,  # what a peak of work opened stays unused, and ends
        json_serializer=storable_json,
        hide_parameters=True,  # errors are logged, and parameters may hold personal data
        connect_args=_connect_arguments(address, opener=_open),
    )
    _name_the_database(engine)
    _test_connections_after_a_pause(engine)
    return Database(engine, async_sessionmaker(engine, expire_on_commit=False), address)


async def _open(address: DatabaseAddress) -> Connection:
    try:
        return await connect(address)
    except OSError as error:
        raise _away(error) from error


def _away(error: BaseException) -> DatabaseAway:
    return DatabaseAway(str(error) or type(error).__name__)


def _name_the_database(engine: AsyncEngine) -> None:
    """Let timeouts and cut connections of statements be DatabaseAway; the driver raises them as those of any socket."""
    event.listen(engine.sync_engine, "handle_error", _raise_named)


def _raise_named(context: ExceptionContext) -> None:
    error = context.original_exception
    if isinstance(error, OSError):
        raise _away(error) from error
    if getattr(error, "sqlstate", None) == _READ_ONLY:
        # After a failover the pool would keep its connections to the former primary, which accept all reads.
        context.is_disconnect = True


def _test_connections_after_a_pause(engine: AsyncEngine) -> None:
    """Replace a connection that is closed or soon will be, or that does not respond after a pause.

    SQLAlchemy's ``pool_pre_ping`` tests before each use, in three round trips: as many as a whole transaction with one
    statement needs. That the server closed a connection is known without a round trip. Only a connection whose peer
    vanished without a word has to be tested, and that takes longer than a moment to happen.
    """
    dialect = engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def note_time(_: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def test(connection: Any, record: Any, _: Any) -> None:
        pause = time.monotonic() - record.info.get("used", time.monotonic())
        if connection.driver_connection.is_closed() or pause > UNUSED - _MARGIN:
            raise DisconnectionError  # the pool opens another one in its place
        if pause < IDLE:
            return
        try:
            dialect.do_ping(connection)
        except (dialect.loaded_dbapi.Error, OSError) as error:
            raise InvalidatePoolError from error


def open_migration_engine(url: str) -> AsyncEngine:
    """Create an engine for migrations: a connection for each use, without a limit for one statement."""
    more: dict[str, Any] = {"session": MIGRATION_SESSION, "command_timeout": None}
    return create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        json_serializer=storable_json,
        connect_args=_connect_arguments(parse_database_url(url), **more),
    )


def _connect_arguments(
    address: DatabaseAddress, *, opener: Opener = connect, **more: Any
) -> dict[str, Any]:
    arguments: dict[str, Any] = {"async_creator_fn": partial(opener, address, **more)}
    if address.pooled:
        arguments |= {
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": str,  # an empty text: the statement has no name
        }
    return arguments
