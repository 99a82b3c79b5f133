"""Connections to PostgreSQL: one SQLAlchemy engine, and a small asyncpg pool for hot reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import NullPool

from app.core.database_url import DatabaseAddress, parse_database_url
from app.storage.connections import MIGRATION_SESSION, Connection, PooledConnection, connect

Opener = Callable[..., Awaitable[Connection]]


class DatabaseAway(ConnectionError):
    """The database cannot be reached, or it stopped responding."""


async def _keep(connection: Connection) -> None:
    """Skip the reset of a connection: single reads leave no state, and a reset costs a round trip."""


@dataclass(frozen=True, slots=True)
class Database:
    """An engine and its session factory."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    address: DatabaseAddress

    async def hot_pool(self, size: int = 8) -> asyncpg.Pool[asyncpg.Record]:
        """Open a pool of asyncpg connections, for reads that are too frequent for the ORM."""

        async def open_connection(*_: Any, **__: Any) -> Connection:
            return await connect(self.address)

        return await asyncpg.create_pool(
            min_size=1,
            max_size=size,
            connect=open_connection,
            connection_class=PooledConnection if self.address.pooled else asyncpg.Connection,
            reset=_keep,
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
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,  # errors are logged, and parameters may hold personal data
        connect_args=_connect_arguments(address, opener=_open),
    )
    _name_the_database(engine)
    return Database(engine, async_sessionmaker(engine, expire_on_commit=False), address)


async def _open(address: DatabaseAddress) -> Connection:
    try:
        return await connect(address)
    except OSError as error:
        raise DatabaseAway(str(error) or type(error).__name__) from error


def _name_the_database(engine: AsyncEngine) -> None:
    """Let timeouts and cut connections of statements be DatabaseAway; the driver raises them as those of any socket."""
    dialect = engine.sync_engine.dialect
    ping = dialect.do_ping

    def responds(connection: Any) -> bool:
        try:
            return bool(ping(connection))
        except OSError:
            return False  # then the pool opens another connection

    setattr(dialect, "do_ping", responds)  # noqa: B010  a method, which mypy would not let go
    event.listen(engine.sync_engine, "handle_error", _raise_named)


def _raise_named(context: ExceptionContext) -> None:
    error = context.original_exception
    if isinstance(error, OSError):
        raise DatabaseAway(str(error) or type(error).__name__) from error


def open_migration_engine(url: str) -> AsyncEngine:
    """Create an engine for migrations: a connection for each use, without a limit for one statement."""
    more: dict[str, Any] = {"session": MIGRATION_SESSION, "command_timeout": None}
    return create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
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
