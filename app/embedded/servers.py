"""Starts the embedded servers for a data folder, or joins those that already run on it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import app
from app.embedded.binaries import Binaries, reachable_binaries
from app.embedded.errors import ServersUnavailable, error_for
from app.embedded.places import Places, find_places, make_data_dir

PATIENCE = 150.0  # seconds until the servers are ready: recovery after a crash, or the end of a former guard
STOP_SECONDS = 8.0
KEPT = b"kept\n"  # the guard's word to a leaving holder: others are still there


@dataclass(frozen=True)
class EmbeddedServers:
    """Where the servers are. Without `redis_url` there is no doorbell; pids are those of the moment of joining."""

    database_url: str
    redis_url: str | None
    guard_pid: int
    postgres_pid: int
    redis_pid: int | None


class RunningServers:
    """A hold on the servers: they run at least until ``stop`` or the end of this process."""

    def __init__(
        self, servers: EmbeddedServers, holder: socket.socket, guard: subprocess.Popen[bytes] | None
    ) -> None:
        self.servers = servers
        self._holder = holder
        self._guard = guard

    @property
    def database_url(self) -> str:
        """``postgresql://…`` through a socket; the driver's name is for the caller to add."""
        return self.servers.database_url

    @property
    def redis_url(self) -> str | None:
        """``unix://…``, or None where there is no Redis."""
        return self.servers.redis_url

    def alive(self) -> bool:
        """False once the guard is gone."""
        try:
            return bool(self._holder.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def stop(self) -> None:
        """Lets go. Returns when the servers have ended, or at once where others still hold them."""
        with suppress(OSError):
            self._holder.shutdown(socket.SHUT_WR)
            self._holder.settimeout(STOP_SECONDS)
            kept = self._holder.recv(16) == KEPT
            if self._guard is not None and kept:
                # It goes on, still our child: somebody has to take note of its end.
                Thread(target=self._guard.wait, daemon=True).start()
            elif self._guard is not None:
                self._guard.wait(STOP_SECONDS)
        self._holder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_servers(data_dir: Path, *, server_dir: Path | None = None) -> RunningServers:
    """Starts PostgreSQL and Redis for a data folder, or joins a guard that has them running.

    `server_dir` is where root keeps servers' data and binaries that their account cannot reach otherwise
    (default /var/lib/activations). Raises ``StartError``, whose subclasses say what is wrong.
    """
    places = find_places(make_data_dir(data_dir), server_dir)
    binaries = reachable_binaries(places.account, server_dir)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        running = _join(places) or _launch(places, binaries)
        if running is not None:
            return running
        time.sleep(0.05)
    raise ServersUnavailable(
        f"Another program has held {places.home} for {PATIENCE:.0f} seconds without offering its servers."
    )


def _join(places: Places) -> RunningServers | None:
    """Joins a guard that is there. None where there is none, or one that is just ending."""
    holder = socket.socket(socket.AF_UNIX)
    try:
        holder.connect(str(places.guard_socket))
    except OSError:
        holder.close()
        return None
    return _hold(holder, None)


def _launch(places: Places, binaries: Binaries) -> RunningServers | None:
    """Starts a guard. None where another one came first."""
    ours, guards = socket.socketpair()
    orders = {
        "home": str(places.home),
        "run": str(places.run),
        "uid": places.account.uid,
        "gid": places.account.gid,
        "postgres": str(binaries.postgres),
        "redis": str(binaries.redis) if binaries.redis else None,
    }
    with guards:
        guard = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "app.embedded.guard", json.dumps(orders)],
            stdin=guards.fileno(),
            stdout=subprocess.DEVNULL,
            cwd="/",
            env={"PYTHONPATH": str(Path(app.__file__).parent.parent)},
            start_new_session=True,
        )
    return _hold(ours, guard)


def _hold(holder: socket.socket, guard: subprocess.Popen[bytes] | None) -> RunningServers | None:
    try:
        message = _read_line(holder)
    except BaseException:
        holder.close()
        raise
    if "database_url" in message:
        return RunningServers(EmbeddedServers(**message), holder, guard)
    holder.close()
    if guard is not None:
        guard.wait()
    if "error" in message:
        raise error_for(message["error"], message["exit_code"])
    if guard is not None and guard.returncode:
        raise ServersUnavailable(f"The servers' guard ended with code {guard.returncode}.")
    return None


def _read_line(holder: socket.socket) -> dict[str, Any]:
    """The guard's one line; empty where it ended without a word."""
    holder.settimeout(PATIENCE)
    received = b""
    try:
        while not received.endswith(b"\n"):
            part = holder.recv(65536)
            if not part:
                return {}
            received += part
    except TimeoutError as error:
        raise ServersUnavailable(
            f"The servers were not ready after {PATIENCE:.0f} seconds."
        ) from error
    except ConnectionError:
        return {}
    holder.settimeout(None)
    message: dict[str, Any] = json.loads(received)
    return message
