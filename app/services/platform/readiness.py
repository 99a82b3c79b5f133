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
from app.storage.revisions import head, is_known

_PATIENCE_SECONDS = 2
_NEWER = "a newer version of the service has migrated the database; this one goes on until it is replaced"
_READ_ONLY = (
    "the database is read-only: a standby, or default_transaction_read_only is on. After a failover, DATABASE_URL must name "
    "the new primary"
)
_STATE = "SELECT version_num, current_setting('transaction_read_only') = 'on' FROM alembic_version"
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
    (revision, read_only), redis, fault, workers = await asyncio.gather(
        _database(platform),
        platform.queue.ping(),
        platform.objects.fault(),
        count_workers(platform),
    )
    wanted = await asyncio.to_thread(head)
    # During an upgrade the database is migrated first, and the processes of the version before serve on.
    is_newer = bool(revision) and not await asyncio.to_thread(is_known, revision or "")
    reasons = {
        "database": _database_reason(revision, read_only),
        "migrations": _NEWER if is_newer else None,
        "store": None if fault is None else f"the object store cannot be used: {fault}",
        "redis": _redis_reason(platform, redis),
        "workers": _NO_WORKER if workers == 0 else None,
    }
    return Readiness(
        database=revision is not None and not read_only,
        migrations=is_newer or (revision is not None and revision == wanted),
        store=fault is None,
        redis=redis,
        workers=workers,
        reasons={part: reason for part, reason in reasons.items() if reason is not None},
        revision=revision,
        wanted=wanted or "",
    )


async def is_migrated_ahead(platform: Platform) -> bool:
    """Return whether a newer version of the service has migrated the database: its processes can read what this one cannot."""
    revision, _ = await _database(platform)
    return bool(revision) and not await asyncio.to_thread(is_known, revision or "")


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


def _database_reason(revision: str | None, read_only: bool) -> str | None:
    if revision is None:
        return "the database does not respond"
    return _READ_ONLY if read_only else None


async def _database(platform: Platform) -> tuple[str | None, bool]:
    """Return the migration of the database, and whether it is read-only.

    The migration is empty if it was never migrated, and None if it does not respond. Connections to a read-only server are
    given up: the address may mean another server now.
    """
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            found = await platform.hot.fetchrow(_STATE)
            if found is not None and found[1]:
                await platform.hot.expire_connections()
    except asyncpg.UndefinedTableError:
        return "", False
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return None, False
    return ("", False) if found is None else (str(found[0]), bool(found[1]))
