"""Whether this process is ready to serve: database, migrations, object store, Redis; and whether workers are live."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from app.core.version import VERSION
from app.services.platform.platform import Platform
from app.services.platform.worker_beats import count_workers
from app.storage.revisions import head

_PATIENCE_SECONDS = 2
_NO_WORKER = "no worker is live: uploads are accepted, but nothing is computed or sent"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Which parts respond, and why others do not.

    Without Redis the service works, but more slowly. Without workers it accepts everything, and computes and sends nothing.
    ``workers`` and ``revision`` are None if the database does not respond; ``revision`` is the migration of the database, and
    ``wanted`` the newest one of this version.
    """

    database: bool
    migrations: bool
    store: bool
    redis: bool
    workers: int | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    revision: str | None = None
    wanted: str = ""

    @property
    def ready(self) -> bool:
        """Whether requests can be served."""
        return self.database and self.migrations and self.store

    def to_json(self) -> dict[str, Any]:
        """Return the form of the response: ``status``, ``version``, a boolean for each part, the number of live workers, and ``reasons``.

        ``reasons`` is ``{part: reason}``, and left out if there are none.
        """
        return {
            "status": "ready" if self.ready else "not ready",
            "version": VERSION,
            "database": self.database,
            "migrations": self.migrations,
            "store": self.store,
            "redis": self.redis,
            "workers": self.workers,
            **({"reasons": dict(self.reasons)} if self.reasons else {}),
        }


async def check_readiness(platform: Platform) -> Readiness:
    """Ask the database, the object store and Redis."""
    revision, redis, fault, workers = await asyncio.gather(
        _revision(platform),
        platform.queue.ping(),
        platform.objects.fault(),
        count_workers(platform),
    )
    wanted = await asyncio.to_thread(head)
    reasons = {
        "database": None if revision is not None else "the database does not respond",
        "store": None if fault is None else f"the object store cannot be used: {fault}",
        "redis": _redis_reason(platform, redis),
        "workers": _NO_WORKER if workers == 0 else None,
    }
    return Readiness(
        database=revision is not None,
        migrations=revision is not None and revision == wanted,
        store=fault is None,
        redis=redis,
        workers=workers,
        reasons={part: reason for part, reason in reasons.items() if reason is not None},
        revision=revision,
        wanted=wanted or "",
    )


def _redis_reason(platform: Platform, responds: bool) -> str | None:
    if responds:
        return None
    if platform.settings.redis_url is None:
        return (
            "no Redis is configured or was found; the sweep does all work, up to its interval later"
        )
    queue = platform.queue
    if queue.refusal:
        return f"Redis refuses commands: {queue.refusal}"
    return f"Redis does not respond: {queue.absence}" if queue.absence else "Redis does not respond"


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
