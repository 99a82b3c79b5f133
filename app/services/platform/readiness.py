"""Is this process ready to serve: database, migrations, Redis."""

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
    """What answers and what does not; without Redis the service works, more slowly."""

    database: bool
    migrations: bool
    redis: bool

    @property
    def ready(self) -> bool:
        """Whether requests can be served."""
        return self.database and self.migrations

    def to_json(self) -> dict[str, Any]:
        """The form of the wire."""
        return {
            "status": "ready" if self.ready else "not ready",
            "database": self.database,
            "migrations": self.migrations,
            "redis": self.redis,
        }


async def check_readiness(platform: Platform) -> Readiness:
    """Ask them all."""
    revision, redis = await asyncio.gather(_revision(platform), platform.queue.ping())
    wanted = await asyncio.to_thread(head)
    return Readiness(
        database=revision is not None,
        migrations=revision is not None and revision == wanted,
        redis=redis,
    )


async def _revision(platform: Platform) -> str | None:
    """The migration that the database stands at; empty where it was never migrated, None where it is away."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            found = await platform.hot.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return ""
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return None
    return str(found or "")
