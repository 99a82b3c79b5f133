"""The guard: the process that runs the embedded servers, and stops them when no program uses them.

Each program that uses the servers (a holder) keeps one socket to the guard open: the program that started the guard
over the guard's standard input, the others on the same data folder over ``guard.sock``. The kernel closes a socket
when its holder ends for any reason. When the last socket closes, the guard stops the servers. If the guard itself is
killed, Linux signals the servers (``die_with_parent``).

It is our own because the servers must outlive the program that started them if others still use them, and must stop
if all of them are killed. A supervisor would be one more program to install, start and stop.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.embedded import postgres, redis
from app.embedded.accounts import Account
from app.embedded.binaries import Binaries, RedisProgram
from app.embedded.errors import StartError
from app.embedded.folders import ServerFolders, explain_folder_errors, make_private_folder
from app.embedded.server_process import RESTART_WAITS, ServerProcess, end, write_log_line

# Seconds that the holders have to leave after a signal. A service manager signals them at the same moment: they still record
# what they have sent. ``activations up`` takes at most 5.
LEAVE_SECONDS = 10.0
# Seconds for a fast shutdown. After that, PostgreSQL stops immediately and recovers on its next start.
FAST_SECONDS = 3.0


class Guard:
    """Both servers, and the programs that use them."""

    def __init__(self, folders: ServerFolders, binaries: Binaries) -> None:
        self.folders = folders
        self.binaries = binaries
        self.selector = selectors.DefaultSelector()
        self.holders: set[socket.socket] = set()
        self.stopping = False
        self.leave_by: float | None = (
            None  # after a signal: when the guard stops, with or without holders
        )
        self.postgres = ServerProcess("postgres", folders.logs / "postgres.log")
        self.redis = ServerProcess("redis", folders.logs / "redis.log")
        self.redis_url: str | None = None
        self.redis_programs = list(binaries.redis)  # the first is used, unless it does not work
        self.lock = -1
        self.listener: socket.socket | None = None

    # Holders

    def take_lock(self) -> bool:
        """Lock the folder. Returns False if another guard, or a server that is still stopping, holds the lock."""
        self.lock = os.open(self.folders.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def listen(self) -> None:
        """Open the socket on which other programs join."""
        self.folders.guard_socket.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folders.guard_socket))
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def add_holder(self, holder: socket.socket) -> None:
        """Add a program that uses the servers."""
        holder.setblocking(False)
        self.holders.add(holder)
        self.selector.register(holder, selectors.EVENT_READ)

    def accept(self) -> None:
        """Accept another program, and send it the servers' addresses."""
        if self.listener is None:
            return
        with suppress(OSError):
            holder, _ = self.listener.accept()
            self.add_holder(holder)
            send(holder, self.report())

    def read_holder(self, holder: socket.socket) -> None:
        """Check whether a holder has closed its socket, and remove it if so."""
        try:
            alive = bool(holder.recv(1024))
        except BlockingIOError:
            return
        except OSError:
            alive = False
        if alive:
            return
        self.selector.unregister(holder)
        if len(self.holders) == 1:
            # The last holder may wait until the servers have stopped: its socket closes when this process ends.
            self.stopping = True
            return
        self.holders.discard(holder)
        with suppress(OSError):
            holder.send(b"kept\n")
        holder.close()

    def report(self) -> dict[str, Any]:
        """Return the message for a holder.

        Returns ``{"database_url", "redis_url", "guard_pid", "postgres_pid", "redis_pid"}``.
        """
        return {
            "database_url": postgres.database_url(self.folders.run),
            "redis_url": self.redis_url,
            "guard_pid": os.getpid(),
            "postgres_pid": self.postgres.process.pid if self.postgres.process else None,
            "redis_pid": self.redis.process.pid if self.redis.process else None,
        }

    # The servers

    def start_postgres(self) -> None:
        """Start PostgreSQL without waiting until it is ready."""
        with self.postgres.log.open("ab") as log:
            self.postgres.note_start(
                postgres.start(self.binaries.postgres, self.folders, log, self.lock)
            )

    def start_redis(self) -> None:
        """Start the first program that is left, without waiting until it is ready. Raises RedisUnfit."""
        if self.redis_programs:
            with self.redis.log.open("ab") as log:
                self.redis.note_start(redis.start(self.redis_programs[0], self.folders, log))

    def start_all(self) -> None:
        """Start both servers and wait until they accept connections. Raises StartError."""
        folders = self.folders
        with suppress(redis.RedisUnfit):  # `finish_redis` tries again, and says why
            self.start_redis()
        postgres.check_version(folders.postgres_data)
        postgres.check_room(folders.postgres_data, folders.home)
        if not folders.postgres_data.exists():
            postgres.create_cluster(self.binaries.postgres, folders)
        postgres.forget_dead_server(folders)
        log_start = self.postgres.log.stat().st_size if self.postgres.log.exists() else 0
        self.start_postgres()
        if self.postgres.process is not None:
            postgres.wait_until_ready(self.postgres.process, folders, self.postgres.log, log_start)
        postgres.prepare(folders.run)
        self.finish_redis()

    def finish_redis(self) -> None:
        """Wait for Redis, and try the next program if one does not work.

        Without any, continue without Redis: the sweep then finds due work, but later.
        """
        while self.redis_programs:
            try:
                self.await_redis()
            except redis.RedisUnfit as error:
                self.refuse_redis(str(error))
            else:
                self.redis_url = redis.redis_url(self.folders)
                return
        write_log_line(
            "warning",
            "redis_unavailable",
            reason="no usable Redis or Valkey was found on this machine; due work waits for the sweep",
            advice="install redis-server or valkey-server, or set REDIS_URL",
        )

    def await_redis(self) -> None:
        """Wait until the first program that is left responds. Raises RedisUnfit."""
        if self.redis.process is None:
            self.start_redis()
        if self.redis.process is not None:
            version = redis.wait_until_ready(self.redis.process, self.folders)
            origin = self.redis_programs[0].origin
            write_log_line("info", "redis_started", version=version, origin=origin)

    def refuse_redis(self, reason: str) -> None:
        """End the first program that is left, and go on without it."""
        end(self.redis.process, signal.SIGTERM)
        self.redis.process = None
        program = self.redis_programs.pop(0)
        write_log_line(
            "warning",
            "redis_program_refused",
            program=str(program.path),
            origin=program.origin,
            reason=reason,
        )

    def watch(self) -> None:
        """Serve the holders and keep the servers running until the last holder has left."""
        next_log_check = 0.0
        while self.holders and not self.stopping and not self.is_late():
            for key, _ in self.selector.select(timeout=self.seconds_to_wait()):
                if key.fileobj is self.listener:
                    self.accept()
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self.holders:
                    self.read_holder(key.fileobj)
                elif isinstance(key.fileobj, socket.socket):
                    key.fileobj.recv(1024)  # a signal arrived
            self.restart_exited()
            if time.monotonic() > next_log_check:
                next_log_check = time.monotonic() + 60
                self.postgres.shorten_log()
                self.redis.shorten_log()

    def ask_to_stop(self) -> None:
        """Stop when the last holder has left, or when that takes too long. Asked again, stop now."""
        self.stopping = self.leave_by is not None
        self.leave_by = time.monotonic() + LEAVE_SECONDS

    def is_late(self) -> bool:
        """Return whether the holders have not left in time after a signal."""
        return self.leave_by is not None and time.monotonic() >= self.leave_by

    def seconds_to_wait(self) -> float:
        """Return the seconds until the next restart or the end, or 60 if none is scheduled."""
        due = [server.restart_at for server in (self.postgres, self.redis) if server.restart_at]
        due = due if self.leave_by is None else [self.leave_by]
        return max(0.0, min(due) - time.monotonic()) if due else 60.0

    def restart_exited(self) -> None:
        """Restart each server that has exited, once its wait is over; not after a signal, which may have ended it."""
        if self.leave_by is not None:
            return
        for server, start in ((self.postgres, self.start_postgres), (self.redis, self.start_redis)):
            server.schedule_restart()
            if server.restart_at is not None and time.monotonic() >= server.restart_at:
                server.restart_at += RESTART_WAITS[-1]  # if it cannot be started now
                with suppress(OSError, redis.RedisUnfit):
                    start()

    def stop_all(self) -> None:
        """Stop accepting holders, then stop the servers: first by a request, then by force."""
        if self.listener is not None:
            self.listener.close()
            self.folders.guard_socket.unlink(missing_ok=True)
        running = [server.process for server in (self.postgres, self.redis) if server.process]
        for process in running:
            with suppress(ProcessLookupError):
                process.send_signal(
                    signal.SIGINT if process is self.postgres.process else signal.SIGTERM
                )
        deadline = time.monotonic() + FAST_SECONDS
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for process in running:
            end(process, signal.SIGQUIT if process is self.postgres.process else signal.SIGKILL)
        if self.listener is not None:
            self.folders.remove_outside()


def send(holder: socket.socket, message: dict[str, Any]) -> None:
    """Send one JSON line to a holder. Ignores a closed socket."""
    with suppress(OSError):
        holder.send(json.dumps(message).encode() + b"\n")


def _wake_on_signals(guard: Guard) -> None:
    def stop(_number: int, _frame: object) -> None:
        guard.ask_to_stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    guard.selector.register(reader, selectors.EVENT_READ, data=writer)


def run(folders: ServerFolders, binaries: Binaries, first_holder: socket.socket) -> int:
    """Run the guard until its last holder has left. Returns the exit code."""
    guard = Guard(folders, binaries)
    _wake_on_signals(guard)
    try:
        with explain_folder_errors(folders.home):
            if not guard.take_lock():
                send(first_holder, {"busy": True})
                return 0
            make_private_folder(
                folders.run, folders.account
            )  # a guard that ended may have removed it
            guard.listen()
            guard.add_holder(first_holder)
            guard.start_all()
        send(first_holder, guard.report())
        guard.watch()
    except StartError as error:
        for holder in {first_holder, *guard.holders}:
            send(holder, {"error": str(error), "exit_code": int(error.exit_code)})
        return int(error.exit_code)
    finally:
        guard.stop_all()
    return 0


def main() -> int:
    """Run the guard. The first argument (JSON) names folders and programs; standard input is the first holder."""
    os.umask(0o077)
    given = json.loads(sys.argv[1])
    folders = ServerFolders(
        home=Path(given["home"]),
        run=Path(given["run"]),
        account=Account(given["uid"], given["gid"]),
    )
    programs = tuple(RedisProgram(Path(path), origin) for path, origin in given["redis"])
    binaries = Binaries(postgres=Path(given["postgres"]), redis=programs)
    return run(folders, binaries, socket.socket(fileno=os.dup(0)))


if __name__ == "__main__":
    sys.exit(main())
