"""The embedded PostgreSQL: makes its data folder, starts it, and prepares role and database."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO
from urllib.parse import quote

from app.embedded.accounts import Account
from app.embedded.binaries import POSTGRES_MAJOR
from app.embedded.children import die_with_parent
from app.embedded.errors import DiskFull, OtherVersion, ServersUnavailable
from app.embedded.places import Places

PORT = 5432  # only part of the socket's name: nothing listens on TCP
DATABASE = "activations"
ROLE = "activations"
SUPERUSER = "postgres"
FREE_BYTES_TO_CREATE = (
    200 * 1024 * 1024
)  # an empty cluster takes about 55 MB, its log grows to 80 MB at least
FREE_BYTES_TO_START = 24 * 1024 * 1024  # one segment of the log and some room
START_SECONDS = 120.0  # recovery after a crash included

# English messages, and nothing of our own environment (which may hold secrets) in the servers'.
SERVER_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "5s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "30",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and details hold people's data and secrets: they stay out of the log.
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}

HOST_RULES = """# Only the socket, in a folder that only its owner may enter.
local all all trust
"""

PREPARE = """
SELECT 'CREATE ROLE activations LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'activations') \\gexec
ALTER ROLE activations SET statement_timeout = '60s';
SELECT 'CREATE DATABASE activations OWNER activations'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'activations') \\gexec
"""


def database_url(socket_folder: Path, database: str = DATABASE) -> str:
    """A plain ``postgresql://`` URL through the socket, for asyncpg, psycopg and SQLAlchemy."""
    return f"postgresql://{ROLE}@/{quote(database)}?host={quote(str(socket_folder))}&port={PORT}"


def check_version(data: Path) -> None:
    """Raises ``OtherVersion`` where the data folder is of another major version."""
    marker = data / "PG_VERSION"
    if not marker.exists():
        return
    found = marker.read_text(encoding="ascii").strip()
    if found != str(POSTGRES_MAJOR):
        raise OtherVersion(
            f"The data in {data} is of PostgreSQL {found}, and this version brings PostgreSQL {POSTGRES_MAJOR}. "
            "Move it with pg_dump under the version that wrote it, or choose another data folder."
        )


def check_room(data: Path, folder: Path) -> None:
    """Raises ``DiskFull`` where the servers would stop half way."""
    needed = FREE_BYTES_TO_START if data.exists() else FREE_BYTES_TO_CREATE
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"There are {free // 2**20} MiB free for {folder}, and the start needs {needed // 2**20} MiB."
        )


def failure(text: str, what: str) -> ServersUnavailable | DiskFull | OtherVersion:
    """The error for what a server program said when it failed."""
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return DiskFull(f"{what} failed: there is no room left on the disk.")
    if "incompatible with server" in text:
        return OtherVersion(f"{what} failed: its data is of another version of PostgreSQL.")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = " / ".join(lines[-3:])[-600:] or "it said nothing"
    return ServersUnavailable(f"{what} failed: {said}")


def create_cluster(programs: Path, places: Places) -> None:
    """Makes the data folder, whole or not at all. Raises ``DiskFull`` or ``ServersUnavailable``."""
    unfinished = places.postgres_data.with_name("postgres.unfinished")
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
    result = subprocess.run(  # noqa: S603 - our own binary, fixed arguments
        command,
        cwd="/",
        env=SERVER_ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        preexec_fn=die_with_parent(signal.SIGTERM),
        **places.account.popen_options(),
    )
    if result.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise failure(result.stderr + result.stdout, "Making PostgreSQL's data folder")
    (unfinished / "pg_hba.conf").write_text(HOST_RULES, encoding="ascii")
    unfinished.rename(places.postgres_data)


def forget_dead_server(places: Places) -> None:
    """Removes the pid files of a server that is gone.

    PostgreSQL would refuse to start where its old pid now belongs to another program of the same account, as
    happens in a restarted container. Our lock is inherited by the server, so whoever holds it knows that ours is
    gone; only a server that somebody started by hand may still be there.
    """
    pid_file = places.postgres_data / "postmaster.pid"
    if sys.platform != "linux":
        return
    if pid_file.exists():
        pid = pid_file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
        try:
            # PostgreSQL works in its data folder, however it was started.
            if Path("/proc", pid, "cwd").readlink() == places.postgres_data:
                return
        except OSError:
            pass  # no such process, or one of somebody else
        pid_file.unlink(missing_ok=True)
    for left_over in places.run.glob(".s.PGSQL.*"):
        left_over.unlink(missing_ok=True)


def start(programs: Path, places: Places, log: IO[bytes], lock: int) -> subprocess.Popen[bytes]:
    """Starts PostgreSQL as a direct child; it keeps the lock's descriptor open."""
    command = [str(programs / "postgres"), "-D", str(places.postgres_data)]
    for name, value in {**SETTINGS, "unix_socket_directories": str(places.run)}.items():
        command += ["-c", f"{name}={value}"]
    return subprocess.Popen(  # noqa: S603 - our own binary, fixed arguments
        command,
        cwd="/",
        env=SERVER_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(lock,),
        preexec_fn=die_with_parent(signal.SIGINT),
        **places.account.popen_options(),
    )


def _status(data: Path) -> str:
    """The last line of the pid file, where PostgreSQL says how far it is."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return lines[7].strip() if len(lines) > 7 else ""


def wait_until_ready(
    process: subprocess.Popen[bytes], places: Places, log: Path, log_start: int
) -> None:
    """Returns when PostgreSQL takes connections. Raises what its log says if it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while _status(places.postgres_data) != "ready":
        if process.poll() is not None:
            text = log.read_bytes()[log_start:].decode("utf-8", "replace")
            raise failure(text, "Starting PostgreSQL")
        if time.monotonic() > deadline:
            raise ServersUnavailable(
                f"PostgreSQL was not ready after {START_SECONDS:.0f} seconds; see {log}."
            )
        time.sleep(0.01)


def run_sql(programs: Path, socket_folder: Path, account: Account, sql: str) -> str:
    """Runs SQL as the cluster's superuser; answers what it printed. Raises ``ServersUnavailable``."""
    command = [str(programs / "psql"), "--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]
    command += ["--set=ON_ERROR_STOP=1", f"--host={socket_folder}", f"--port={PORT}"]
    command += [f"--username={SUPERUSER}", "--dbname=postgres"]
    result = subprocess.run(  # noqa: S603 - our own binary, fixed arguments
        command,
        cwd="/",
        env=SERVER_ENVIRONMENT,
        check=False,
        capture_output=True,
        input=sql,
        text=True,
        timeout=60,
        **account.popen_options(),
    )
    if result.returncode != 0:
        raise failure(result.stderr, "Preparing the database")
    return result.stdout
