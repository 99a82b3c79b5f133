"""The way to PostgreSQL: one SQLAlchemy engine for all work, one small asyncpg pool for measured hot reads."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

# R25: a query against a frozen server must end by itself; R27: a lost client must not keep its locks.
COMMAND_TIMEOUT = 10.0
CONNECT_TIMEOUT = 3.0
SERVER_SETTINGS = {
    "application_name": "activations",
    "idle_in_transaction_session_timeout": "30000",
    "lock_timeout": "5000",
    "timezone": "UTC",
    "jit": "off",  # no statement here is worth compiling
}


def driver_url(url: str) -> str:
    """A plain ``postgresql://`` URL with the async driver's name in it."""
    for scheme in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+asyncpg://" + url[len(scheme) :]
    raise ValueError("DATABASE_URL must begin with postgresql://")


def plain_url(url: str) -> str:
    """The same without a driver's name, for asyncpg itself."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


async def _keep(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Single reads leave nothing behind, so a connection goes back without the round trip that would reset it."""


@dataclass(frozen=True, slots=True)
class Database:
    """An engine and its sessions."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    url: str

    async def hot_pool(self, size: int = 8) -> asyncpg.Pool[asyncpg.Record]:
        """A pool of bare asyncpg connections, for reads whose cost was measured."""
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
        """End all connections."""
        await self.engine.dispose()


def open_database(url: str, *, pool_size: int = 10) -> Database:
    """Make the engine; connects when first used."""
    engine = create_async_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,  # errors are logged, and parameters may name people
        connect_args={
            "command_timeout": COMMAND_TIMEOUT,
            "timeout": CONNECT_TIMEOUT,
            "server_settings": SERVER_SETTINGS,
        },
    )
    return Database(engine, async_sessionmaker(engine, expire_on_commit=False), url)
