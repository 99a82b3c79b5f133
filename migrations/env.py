"""Alembic's environment: runs migrations with the async driver, one at a time across processes."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, text

from app.core.config import Settings
from app.storage.engine import open_migration_engine
from app.storage.models import Base

LOCK_KEY = 4_771_002  # any constant; processes that migrate this database wait for its lock


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
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_KEY})"))
        context.run_migrations()


async def _run() -> None:
    engine = open_migration_engine(_url())
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Migrations need a database. Set DATABASE_URL.")
asyncio.run(_run())
