"""The embedded PostgreSQL: its data folder, its start, its role and its database."""

from __future__ import annotations

import asyncio
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO
from urllib.parse import quote

import asyncpg

from app.core.durable import sync_file, sync_folder
from app.embedded.accounts import Account
from app.embedded.binaries import POSTGRES_MAJOR
from app.embedded.children import die_with_parent
from app.embedded.errors import DiskFull, OtherVersion, ServersUnavailable
from app.embedded.folders import ServerFolders

PORT = 5432  # only a part of the socket's file name; PostgreSQL does not listen on TCP
DATABASE = "activations"
ROLE = "activations"
SUPERUSER = "postgres"
# An empty cluster takes about 55 MB, and its write-ahead log grows to at least 80 MB.
FREE_BYTES_TO_CREATE = 200 * 1024 * 1024
FREE_BYTES_TO_START = 24 * 1024 * 1024  # one segment of the write-ahead log, and a reserve
START_SECONDS = 120.0  # includes recovery after a crash

# English messages. The servers do not inherit this process's environment, because it may contain secrets.
SERVER_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "200",
    "shared_buffers": "24MB",  # what is read again is in the system's cache, too, which serves all processes
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "5s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "30",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and error details contain personal data and secrets, so they are not logged.
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}

HOST_RULES = """# Only the socket; only its owner may enter the socket's folder.
local all all trust
"""

#: (query that finds what exists or None, statement that creates or sets it)
PREPARE = (
    ("SELECT 1 FROM pg_roles WHERE rolname = 'activations'", "CREATE ROLE activations LOGIN"),
    (None, "ALTER ROLE activations SET statement_timeout = '60s'"),
    ("SELECT 1 FROM pg_database WHERE datname = 'activations'", "CREATE DATABASE activations OWNER activations"),
)  # fmt: skip


def database_url(socket_folder: Path, database: str = DATABASE) -> str:
    """Return a plain ``postgresql://`` URL of the socket, for asyncpg, psycopg and SQLAlchemy."""
    return f"postgresql://{ROLE}@/{quote(database)}?host={quote(str(socket_folder))}&port={PORT}"


def check_version(data: Path) -> None:
    """Check the version of the data folder. Raises OtherVersion if another major version wrote it."""
    marker = data / "PG_VERSION"
    if not marker.exists():
        return
    found = marker.read_text(encoding="ascii").strip()
    if found != str(POSTGRES_MAJOR):
        raise OtherVersion(
            f"The data in {data} is of PostgreSQL {found}, but this version of the service contains "
            f"PostgreSQL {POSTGRES_MAJOR}. Export the data with pg_dump of PostgreSQL {found}, "
            "or choose another data folder."
        )


def check_room(data: Path, folder: Path) -> None:
    """Check the free space of the disk. Raises DiskFull if it is too small to start."""
    needed = FREE_BYTES_TO_START if data.exists() else FREE_BYTES_TO_CREATE
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"The disk of {folder} has {free // 2**20} MiB free. The start needs {needed // 2**20} MiB."
        )


def failure(text: str, what: str) -> ServersUnavailable | DiskFull | OtherVersion:
    """Return the error that fits the output of a server program that failed."""
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return DiskFull(f"{what} failed: the disk is full.")
    if "incompatible with server" in text:
        return OtherVersion(f"{what} failed: the data is of another version of PostgreSQL.")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = " / ".join(lines[-3:])[-600:] or "it printed nothing"
    return ServersUnavailable(f"{what} failed: {reason}")


def check_name(account: Account) -> None:
    """Check that the account has a name, which initdb needs. Raises ServersUnavailable if it has none."""
    try:
        pwd.getpwuid(account.uid)
    except KeyError:
        raise ServersUnavailable(
            f"The user id {account.uid} has no entry in /etc/passwd, and PostgreSQL cannot create its data without one. Add "
            f"an entry (echo 'activations:x:{account.uid}:{account.gid}::/tmp:/bin/false' >> /etc/passwd), start the service "
            "as another user, or set DATABASE_URL to your own server."
        ) from None


def create_cluster(programs: Path, folders: ServerFolders) -> None:
    """Create PostgreSQL's data folder, completely or not at all. Raises DiskFull or ServersUnavailable."""
    check_name(folders.account)
    unfinished = folders.postgres_data.with_name("postgres.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    command = [
        str(programs / "initdb"),
        f"--pgdata={unfinished}",
        f"--username={SUPERUSER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
        "--no-instructions",
    ]
    result = subprocess.run(  # noqa: S603 - an embedded program, fixed arguments
        command,
        cwd="/",
        env=SERVER_ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        preexec_fn=die_with_parent(signal.SIGTERM),
        **folders.account.popen_options(),
    )
    if result.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise failure(result.stderr + result.stdout, "Creating PostgreSQL's data folder")
    rules = unfinished / "pg_hba.conf"
    rules.write_text(HOST_RULES, encoding="ascii")
    sync_file(rules)  # initdb has synced everything else
    unfinished.rename(folders.postgres_data)
    sync_folder(folders.home)


def forget_dead_server(folders: ServerFolders) -> None:
    """Remove the pid files of a server that no longer runs.

    PostgreSQL refuses to start if its old pid now belongs to another program of its account, as happens in a
    restarted container. The embedded server inherits the guard's lock, so a guard that has the lock knows that no
    embedded server runs. Only a server that an operator started manually can still run; its files are kept.
    """
    pid_file = folders.postgres_data / "postmaster.pid"
    if sys.platform != "linux":
        return
    if pid_file.exists():
        pid = pid_file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
        try:
            # PostgreSQL's working folder is its data folder, no matter who started it.
            if Path("/proc", pid, "cwd").readlink() == folders.postgres_data:
                return
        except OSError:
            pass  # no such process, or a process of another user
        pid_file.unlink(missing_ok=True)
    for left_over in folders.run.glob(".s.PGSQL.*"):
        left_over.unlink(missing_ok=True)


def start(
    programs: Path, folders: ServerFolders, log: IO[bytes], lock: int
) -> subprocess.Popen[bytes]:
    """Start PostgreSQL as a child process that inherits the descriptor of the lock."""
    command = [str(programs / "postgres"), "-D", str(folders.postgres_data)]
    for name, value in {**SETTINGS, "unix_socket_directories": str(folders.run)}.items():
        command += ["-c", f"{name}={value}"]
    return subprocess.Popen(  # noqa: S603 - an embedded program, fixed arguments
        command,
        cwd="/",
        env=SERVER_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(lock,),
        preexec_fn=die_with_parent(signal.SIGINT),
        **folders.account.popen_options(),
    )


def _status(data: Path) -> str:
    """Return the last line of the pid file, in which PostgreSQL reports the state of its start."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return lines[7].strip() if len(lines) > 7 else ""


def wait_until_ready(
    process: subprocess.Popen[bytes], folders: ServerFolders, log: Path, log_start: int
) -> None:
    """Wait until PostgreSQL accepts connections.

    Raises the error that fits its log if it exits, and ServersUnavailable if it takes longer than START_SECONDS.
    """
    deadline = time.monotonic() + START_SECONDS
    while _status(folders.postgres_data) != "ready":
        if process.poll() is not None:
            text = log.read_bytes()[log_start:].decode("utf-8", "replace")
            raise failure(text, "Starting PostgreSQL")
        if time.monotonic() > deadline:
            raise ServersUnavailable(
                f"PostgreSQL was not ready after {START_SECONDS:.0f} seconds; see {log}."
            )
        time.sleep(0.01)


def prepare(socket_folder: Path) -> None:
    """Create role and database of the service, unless they exist. Raises the error that fits what PostgreSQL says."""
    try:
        asyncio.run(_prepare(socket_folder))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise failure(str(error) or type(error).__name__, "Preparing the database") from error


async def _prepare(socket_folder: Path) -> None:
    connection = await asyncpg.connect(
        host=str(socket_folder),
        port=PORT,
        user=SUPERUSER,
        password="",
        database="postgres",
        ssl=False,
    )
    try:
        for found, create in PREPARE:
            if found is None or not await connection.fetchval(found):
                await connection.execute(create)
    finally:
        await connection.close()
