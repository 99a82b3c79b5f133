"""The installation, for those who operate it: its parts, workers, queue, limits and mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from app.core.config import Settings
from app.core.version import VERSION
from app.services.platform import Platform, Readiness, check_readiness, oldest_due
from app.storage.repositories.due_sizes import MOST_COUNTED, DueSizeQueries
from app.storage.repositories.workers import SeenWorker, WorkerRepository

__all__ = ["MOST_COUNTED", "Installation", "Limit", "Mail", "SeenWorker", "read_installation"]

MOST_WORKERS = 100


@dataclass(frozen=True, slots=True)
class Limit:
    """A setting of this process that limits something: its name in the environment, its value, and what it limits."""

    setting: str
    value: str
    unit: Literal["", "bytes", "seconds"]
    meaning: str


@dataclass(frozen=True, slots=True)
class Mail:
    """Whether mail can be sent, by which server, and from which address."""

    configured: bool
    server: str | None
    sender: str


@dataclass(frozen=True, slots=True)
class Installation:
    """The state of the installation. ``queue`` is due work by kind, each counted up to ``MOST_COUNTED``.

    ``wake_ups``: how workers learn of due work at once: by Redis, or by announcements of PostgreSQL.
    """

    version: str
    readiness: Readiness
    oldest_due: float | None  # seconds
    workers: Sequence[SeenWorker]
    queue: Mapping[str, int]
    wake_ups: Literal["redis", "postgresql"]
    store: str  # where the object store is, without credentials
    limits: Sequence[Limit]
    mail: Mail


async def read_installation(platform: Platform) -> Installation:
    """Read the state of the installation, with no transaction open. Up to 100 workers are listed."""
    readiness = await check_readiness(platform)
    async with platform.unit_of_work() as session:
        workers = await WorkerRepository(session).listed(MOST_WORKERS)
        queue = await DueSizeQueries(session).sizes()
    return Installation(
        version=VERSION,
        readiness=readiness,
        oldest_due=await oldest_due(platform),
        workers=workers,
        queue=queue,
        wake_ups="redis" if readiness.redis else "postgresql",
        store=_store(platform.settings),
        limits=_limits(platform.settings),
        mail=_mail(platform.settings),
    )


def _store(settings: Settings) -> str:
    """Return the address of the object store without its options, which may contain keys."""
    parts = urlsplit(settings.storage)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _mail(settings: Settings) -> Mail:
    if settings.smtp_url is None:
        return Mail(False, None, settings.mail_from)
    address = urlsplit(settings.smtp_url.get_secret_value())
    return Mail(True, address.hostname, settings.mail_from)


_MEANINGS = {
    "rate_limits": "Whether calls of the API are limited per token and operation",
    "rate_limit_scale": "Factor of these limits",
    "max_body_bytes": "A JSON body",
    "max_upload_bytes": "An upload",
    "delivery_concurrency": "Calls to partners at once in one worker",
    "delivery_concurrency_per_account": "Of these, calls to one account at most: the number adapts",
    "http_total_timeout": "A call to a partner",
    "sql_concurrency": "Definitions that run at once in one process",
    "sql_memory_bytes": "Memory of a definition",
    "sql_timeout": "Time of a definition",
    "source_concurrency": "Runs that read users' databases at once in one process",
    "source_max_rows": "Rows that a run reads from a database",
    "source_timeout": "Time of such a reading",
    "history_kept": "Age up to which members of earlier snapshots and syncs are kept, fewer with age",
    "log_kept": "Age up to which runs, syncs and notices are listed",
}


def _limits(settings: Settings) -> list[Limit]:
    return [_limit(name, getattr(settings, name), text) for name, text in _MEANINGS.items()]


def _limit(name: str, value: object, meaning: str) -> Limit:
    setting = f"ACTIVATIONS_{name.upper()}"
    if isinstance(value, timedelta):
        return Limit(setting, f"{value.total_seconds():.15g}", "seconds", meaning)
    return Limit(setting, str(value), "bytes" if name.endswith("_bytes") else "", meaning)
