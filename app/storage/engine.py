"""Connections to PostgreSQL: one SQLAlchemy engine, and a small asyncpg pool for hot reads."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

# R25: a query to a server that hangs must time out. R27: a lost client must not keep its locks.
COMMAND_TIMEOUT = 10.0
CONNECT_TIMEOUT = 3.0
SERVER_SETTINGS = {
    "application_name": "activations",
    "idle_in_transaction_session_timeout": "30000",
    "lock_timeout": "5000",
    "timezone": "UTC",
    "jit": "off",  # compiling costs more than it saves for these statements
}


def driver_url(url: str) -> str:
    """Add the async driver to a ``postgresql://`` URL. Raises ValueError for any other scheme."""
    for scheme in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+asyncpg://" + url[len(scheme) :]
    raise ValueError("DATABASE_URL must begin with postgresql://")


def plain_url(url: str) -> str:
    """Remove the driver from a URL: asyncpg accepts ``postgresql://`` only."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


async def _keep(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Skip the reset of a connection: single reads leave no state, and a reset costs a round trip."""


@dataclass(frozen=True, slots=True)
class Database:
    """An engine and its session factory."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    url: str

    async def hot_pool(self, size: int = 8) -> asyncpg.Pool[asyncpg.Record]:
        """Open a pool of asyncpg connections, for reads that are too frequent for the ORM."""
        return await asyncpg.create_pool(
            plain_url(self.url),
            min_size=1,
            max_size=size,
            command_timeout=COMMAND_TIMEOUT,
            timeout=CONNECT_TIMEOUT,
            server_settings=SERVER_SETTINGS,
            reset=_keep,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def open_database(url: str, *, pool_size: int = 10) -> Database:
    """Create the engine. It connects on first use."""
    engine = create_async_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,  # errors are logged, and parameters may hold personal data
        connect_args={
            "command_timeout": COMMAND_TIMEOUT,
            "timeout": CONNECT_TIMEOUT,
            "server_settings": SERVER_SETTINGS,
        },
    )
    return Database(engine, async_sessionmaker(engine, expire_on_commit=False), url)
