"""The embedded Redis: a doorbell that forgets everything when it ends, as it may."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import IO

from app.embedded.children import die_with_parent
from app.embedded.places import Places
from app.embedded.postgres import SERVER_ENVIRONMENT

READY_SECONDS = 10.0


def socket_path(places: Places) -> Path:
    """Where Redis listens."""
    return places.run / "redis.sock"


def redis_url(places: Places) -> str:
    """A ``unix://`` URL, for redis-py and arq."""
    return f"unix://{socket_path(places)}"


def start(program: Path, places: Places, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Starts Redis as a direct child."""
    socket_path(places).unlink(missing_ok=True)
    settings = {
        "port": "0",
        "unixsocket": str(socket_path(places)),
        "unixsocketperm": "700",
        "dir": str(places.redis_data),
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    command = [str(program)]
    for name, value in settings.items():
        command += [f"--{name}", value]
    return subprocess.Popen(  # noqa: S603 - our own binary, fixed arguments
        command,
        cwd="/",
        env=SERVER_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        preexec_fn=die_with_parent(signal.SIGTERM),
        **places.account.popen_options(),
    )


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def wait_until_ready(process: subprocess.Popen[bytes], places: Places) -> bool:
    """True when Redis answers, False if it ends or stays silent."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _answers(socket_path(places)):
            return True
        time.sleep(0.01)
    return False
