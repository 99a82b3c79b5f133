"""Alembic's environment: runs migrations with the async driver, one at a time across processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import Settings
from app.storage.engine import open_migration_engine
from app.storage.models import Base

LOCK_KEY = 4_771_002  # any constant; processes that migrate this database wait for its lock
LOOK_SECONDS = 0.2


def _url() -> str:
    given = context.config.attributes.get("database_url")
    if given:
        return str(given)
    url = Settings().database_url
    if url is None:
        raise SystemExit("DATABASE_URL is not set")
    return url.get_secret_value()


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


@asynccontextmanager
async def _own_turn(engine: AsyncEngine) -> AsyncIterator[None]:
    """Hold the lock until all migrations are done, on a connection of its own: each migration ends its own transaction.

    A process that waits for it occupies no connection of a pooler.
    """
    async with engine.connect() as turn:
        while True:
            await turn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            if await turn.scalar(text(f"SELECT pg_try_advisory_xact_lock({LOCK_KEY})")):
                break
            await turn.rollback()
            await asyncio.sleep(LOOK_SECONDS)
        yield


async def _run() -> None:
    engine = open_migration_engine(_url())
    async with _own_turn(engine), engine.connect() as connection:
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Migrations need a database. Set DATABASE_URL.")
asyncio.run(_run())
