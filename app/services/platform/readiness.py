"""Whether this process is ready to serve: database, migrations, Redis."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.services.platform.platform import Platform
from app.storage.migrate import head

_PATIENCE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Readiness:
    """Which parts respond. Without Redis the service works, but more slowly."""

    database: bool
    migrations: bool
    redis: bool

    @property
    def ready(self) -> bool:
        """Whether requests can be served."""
        return self.database and self.migrations

    def to_json(self) -> dict[str, Any]:
        """Return ``{"status": …, "database": …, "migrations": …, "redis": …}``, the form of the response."""
        return {
            "status": "ready" if self.ready else "not ready",
            "database": self.database,
            "migrations": self.migrations,
            "redis": self.redis,
        }


async def check_readiness(platform: Platform) -> Readiness:
    """Ask the database and Redis."""
    revision, redis = await asyncio.gather(_revision(platform), platform.queue.ping())
    wanted = await asyncio.to_thread(head)
    return Readiness(
        database=revision is not None,
        migrations=revision is not None and revision == wanted,
        redis=redis,
    )


async def _revision(platform: Platform) -> str | None:
    """Return the migration of the database: empty if it was never migrated, None if it does not respond."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            found = await platform.hot.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return ""
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return None
    return str(found or "")
