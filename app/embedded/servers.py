"""The start of the embedded servers of a data folder, or the use of servers that already run on it."""

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
from app.embedded.folders import ServerFolders, find_folders, make_data_dir

READY_SECONDS = 150.0  # includes recovery after a crash, or waiting for the previous guard to end
STOP_SECONDS = 8.0
KEPT = b"kept\n"  # the guard's reply to a holder that leaves: other holders remain


@dataclass(frozen=True)
class EmbeddedServers:
    """The servers' addresses and process ids when this program joined. ``redis_url`` is None without Redis."""

    database_url: str
    redis_url: str | None
    guard_pid: int
    postgres_pid: int
    redis_pid: int | None


class RunningServers:
    """A connection to the guard: the servers run at least until ``stop`` or the end of this process."""

    def __init__(
        self, servers: EmbeddedServers, holder: socket.socket, guard: subprocess.Popen[bytes] | None
    ) -> None:
        self.servers = servers
        self._holder = holder
        self._guard = guard

    @property
    def database_url(self) -> str:
        """``postgresql://…`` of a socket, without a driver's name."""
        return self.servers.database_url

    @property
    def redis_url(self) -> str | None:
        """``unix://…``, or None without Redis."""
        return self.servers.redis_url

    def alive(self) -> bool:
        """Check whether the guard still runs."""
        try:
            return bool(self._holder.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def stop(self) -> None:
        """Leave the guard. Waits until the servers have stopped, unless other programs still use them."""
        with suppress(OSError):
            self._holder.shutdown(socket.SHUT_WR)
            self._holder.settimeout(STOP_SECONDS)
            kept = self._holder.recv(16) == KEPT
            if self._guard is not None and kept:
                # The guard continues as a child of this process, so a thread must collect its exit status.
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
    """Start PostgreSQL and Redis for a data folder, or join a guard that already runs them.

    If the service runs as root, ``server_dir`` (default /var/lib/activations) holds data and programs that the
    servers' account cannot reach otherwise. Raises a subclass of StartError that says what is wrong, for example
    ServersUnavailable.
    """
    folders = find_folders(make_data_dir(data_dir), server_dir)
    binaries = reachable_binaries(folders.account, server_dir)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        running = _join(folders) or _launch(folders, binaries)
        if running is not None:
            return running
        time.sleep(0.05)
    raise ServersUnavailable(
        f"Another program has locked {folders.home} for {READY_SECONDS:.0f} seconds, but its servers are not ready."
    )


def _join(folders: ServerFolders) -> RunningServers | None:
    """Join a running guard. Returns None if there is none, or if it is ending."""
    holder = socket.socket(socket.AF_UNIX)
    try:
        holder.connect(str(folders.guard_socket))
    except OSError:
        holder.close()
        return None
    return _hold(holder, None)


def _launch(folders: ServerFolders, binaries: Binaries) -> RunningServers | None:
    """Start a guard. Returns None if another guard has started first."""
    own_end, guard_end = socket.socketpair()
    argument = {
        "home": str(folders.home),
        "run": str(folders.run),
        "uid": folders.account.uid,
        "gid": folders.account.gid,
        "postgres": str(binaries.postgres),
        "redis": [(str(program.path), program.origin) for program in binaries.redis],
    }
    with guard_end:
        guard = subprocess.Popen(  # noqa: S603 - a module of this package
            [sys.executable, "-P", "-m", "app.embedded.guard", json.dumps(argument)],
            stdin=guard_end.fileno(),
            stdout=subprocess.DEVNULL,
            cwd="/",
            env={"PYTHONPATH": str(Path(app.__file__).parent.parent)},
            start_new_session=True,
        )
    return _hold(own_end, guard)


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
    """Read the guard's message. Returns an empty dictionary if the guard ended without one."""
    holder.settimeout(READY_SECONDS)
    received = b""
    try:
        while not received.endswith(b"\n"):
            part = holder.recv(65536)
            if not part:
                return {}
            received += part
    except TimeoutError as error:
        raise ServersUnavailable(
            f"The servers were not ready after {READY_SECONDS:.0f} seconds."
        ) from error
    except ConnectionError:
        return {}
    holder.settimeout(None)
    message: dict[str, Any] = json.loads(received)
    return message
