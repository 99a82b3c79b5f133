"""Alembic's environment: runs migrations with the async driver, one at a time across processes."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.config import Settings
from app.core.logging import get_logger
from app.storage.engine import open_migration_engine
from app.storage.models import Base

LOCK_KEY = 4_771_002  # any constant; processes that migrate this database wait for its lock
log = get_logger(__name__)

WAIT = 0.5  # seconds between two tries to take it


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


async def _take_turn(connection: AsyncConnection) -> None:
    """Take the lock in a transaction of this connection. Between two tries it has none, as a pooler may have few connections."""
    take = text(f"SELECT pg_try_advisory_xact_lock({LOCK_KEY})")
    is_told = False
    while not await connection.scalar(take):
        await connection.rollback()
        if not is_told:
            log.warning("migration_waits", reason="another process migrates this database")
            is_told = True
        await asyncio.sleep(WAIT)


async def _run() -> None:
    engine = open_migration_engine(_url())
    # Each migration is a transaction of its own, so a lock in one of them would end before the next one begins.
    async with engine.connect() as turn, engine.connect() as connection:
        await _take_turn(turn)
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Migrations need a database. Set DATABASE_URL.")
asyncio.run(_run())
