"""The embedded Redis. It carries wake-ups for workers and keeps no data when it stops."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import IO

from app.embedded.children import die_with_parent
from app.embedded.folders import ServerFolders
from app.embedded.postgres import SERVER_ENVIRONMENT

READY_SECONDS = 10.0


def socket_path(folders: ServerFolders) -> Path:
    """Return the path of the socket on which Redis listens."""
    return folders.run / "redis.sock"


def redis_url(folders: ServerFolders) -> str:
    """Return a ``unix://`` URL, for redis-py and arq."""
    return f"unix://{socket_path(folders)}"


def start(program: Path, folders: ServerFolders, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start Redis as a child process."""
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


def _is_ready(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def wait_until_ready(process: subprocess.Popen[bytes], folders: ServerFolders) -> bool:
    """Wait until Redis responds. Returns False if it exits or does not respond in time."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _is_ready(socket_path(folders)):
            return True
        time.sleep(0.01)
    return False
