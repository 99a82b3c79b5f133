"""The platform of a process: settings, database, queue, object store, engine, keys and the outbound client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.connectors.addresses import OutboundPolicy
from app.connectors.http import OutboundClient, make_client
from app.core.config import Settings
from app.core.crypto import Keyring
from app.core.objects import ObjectStore
from app.processes import FairSlots
from app.queue import Queue
from app.services.platform.concurrency import AccountConcurrency
from app.services.platform.rate_budgets import Budgets
from app.services.platform.scratch import ScratchFolder
from app.services.platform.source_slots import SourceSlots
from app.services.platform.wakeups import QUEUE
from app.snapshots.engine import Engine
from app.storage.engine import Database, open_database
from app.storage.notifications import announce
from app.storage.reads import reads_of
from app.storage.repositories.spaces import workspace_of
from app.storage.session import UnitOfWork, unit_of_work_of

Session = AsyncSession
"""A transaction, as :attr:`Platform.unit_of_work` opens it; programs that do not query pass it on to services."""


class NotConfigured(Exception):
    """A required setting is missing. The message names it and says how to set it."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The shared resources of one process, opened at its start and closed at its end."""

    settings: Settings
    database: Database
    unit_of_work: UnitOfWork
    hot: asyncpg.Pool[asyncpg.Record]
    reading: Callable[[], AsyncSession]  # what a request that only reads has in place of a session
    queue: Queue
    objects: ObjectStore
    engine: Engine
    scratch: ScratchFolder  # that of the engine
    keyring: Keyring
    http: OutboundClient
    budgets: Budgets
    concurrency: AccountConcurrency  # how many calls to each account this process makes at once
    definitions: FairSlots  # limits how many processes run users' SQL
    outbound: OutboundPolicy  # the addresses of users' databases that may be connected to
    readings: SourceSlots  # limits how many runs read users' databases
    _owners: dict[str, str] = field(
        default_factory=dict
    )  # the workspace of each space that was asked for

    async def owner_of(self, space_id: str) -> str:
        """Return the workspace of a space. Turns are fair between workspaces: anyone may create more spaces."""
        if space_id not in self._owners:
            found = await workspace_of(self.hot, space_id)
            if found is None:
                return space_id
            self._owners[space_id] = found
        return self._owners[space_id]

    async def close(self) -> None:
        """Close all resources."""
        await self.http.aclose()
        await self.queue.close()
        self.engine.close()
        self.scratch.release()
        await self.hot.close()
        await self.database.close()


async def open_platform(settings: Settings) -> Platform:
    """Open all resources. Raises NotConfigured if the database is not set, KeyringError if no key is."""
    if settings.database_url is None:
        raise NotConfigured("DATABASE_URL is not set; `activations up` starts its own database.")
    database = open_database(settings.database_url.get_secret_value())
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    hot = await database.hot_pool()
    scratch = ScratchFolder(settings.cache / "scratch")
    queue = Queue(redis_url, partial(announce, hot))
    return Platform(
        settings=settings,
        database=database,
        unit_of_work=unit_of_work_of(database.sessions, **{QUEUE: queue}),
        hot=hot,
        reading=reads_of(hot, database.engine.dialect),
        queue=queue,
        objects=open_store(settings),
        engine=_open_engine(settings, scratch.path),
        scratch=scratch,
        keyring=Keyring.from_settings(settings),
        http=_open_client(settings),
        budgets=Budgets(queue, settings.worker_processes),
        concurrency=AccountConcurrency(settings.delivery_concurrency_per_account),
        definitions=FairSlots(settings.sql_concurrency),
        outbound=OutboundPolicy(settings.outbound_allow),
        readings=SourceSlots(settings.source_concurrency),
    )


def open_store(settings: Settings) -> ObjectStore:
    """Open the object store of the settings."""
    return ObjectStore.from_url(
        settings.storage, cache=settings.cache / "objects", defaults=settings.store_defaults
    )


def _open_client(settings: Settings) -> OutboundClient:
    return make_client(
        outbound_allow=settings.outbound_allow,
        total_timeout=settings.http_total_timeout,
        connect_timeout=settings.http_connect_timeout,
    )


def _open_engine(settings: Settings, scratch: Path) -> Engine:
    return Engine(
        memory=settings.engine_memory,
        threads=settings.engine_threads,
        scratch=scratch,
        readable=[_object_folder(settings), settings.cache / "objects"],
    )


def _object_folder(settings: Settings) -> Path:
    """Return the folder in which objects are read: that of a local store, or the cache of a remote one."""
    store = urlsplit(settings.storage)
    return Path(unquote(store.path)) if store.scheme == "file" else settings.cache / "objects"
