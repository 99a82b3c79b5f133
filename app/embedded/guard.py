"""The process that owns the embedded servers, and ends them when nobody needs them any more.

Everybody who uses the servers holds one open socket to the guard: the program that started it over its standard
input, others on the same data folder over ``guard.sock``. The kernel closes a socket however its holder dies, so the
last one closed is the end of the servers. If the guard itself is killed, Linux signals them (``die_with_parent``).
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.embedded import postgres, redis
from app.embedded.accounts import Account
from app.embedded.binaries import Binaries
from app.embedded.errors import StartError
from app.embedded.places import Places, clear_folder_errors

FAST_SECONDS = (
    3.0  # for a fast shutdown; then PostgreSQL stops at once and recovers on its next start
)
LAST_SECONDS = 2.0
LONGEST_LOG = 32 * 2**20
RESTART_WAITS = (0.2, 1.0, 5.0, 15.0, 30.0)
STEADY_SECONDS = 60.0  # a server that ran for so long is restarted without a wait again


def say(level: str, event: str, **fields: Any) -> None:
    """One JSON line on stderr, in the form of all our logs."""
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {"event": event, "level": level, "logger": "app.embedded.guard", "timestamp": moment}
    with suppress(OSError):
        sys.stderr.write(json.dumps(line | fields) + "\n")
        sys.stderr.flush()


class Server:
    """One server program with its log, restarted when it ends by itself."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.started_at = 0.0
        self.restart_at: float | None = None

    def started(self, process: subprocess.Popen[bytes]) -> None:
        """Takes note of a new process."""
        self.process = process
        self.started_at = time.monotonic()
        self.restart_at = None

    def notice_end(self) -> None:
        """Sets the time of the restart where the process has ended."""
        if self.process is None or self.restart_at is not None or self.process.poll() is None:
            return
        if time.monotonic() - self.started_at > STEADY_SECONDS:
            self.failures = 0
        wait = RESTART_WAITS[min(self.failures, len(RESTART_WAITS) - 1)]
        self.failures += 1
        self.restart_at = time.monotonic() + wait
        say(
            "error", "server_ended", server=self.name, code=self.process.returncode, restart_in=wait
        )

    def shorten_log(self) -> None:
        """Starts a log anew that has become too long; the server goes on writing at its end."""
        with suppress(OSError):
            if self.log.stat().st_size > LONGEST_LOG:
                os.truncate(self.log, 0)


class Guard:
    """Owns both servers; see the module's sentence."""

    def __init__(self, places: Places, binaries: Binaries) -> None:
        self.places = places
        self.binaries = binaries
        self.selector = selectors.DefaultSelector()
        self.holders: set[socket.socket] = set()
        self.stopping = False
        self.postgres = Server("postgres", places.logs / "postgres.log")
        self.redis = Server("redis", places.logs / "redis.log")
        self.redis_url: str | None = None
        self.lock = -1
        self.listener: socket.socket | None = None

    # Who holds the servers

    def take_lock(self) -> bool:
        """False where another guard has the folder, or a server of a lost one is still ending."""
        self.lock = os.open(self.places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def listen(self) -> None:
        """Opens the socket on which others join."""
        self.places.guard_socket.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.places.guard_socket))
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def add_holder(self, holder: socket.socket) -> None:
        """Counts a program that uses the servers."""
        holder.setblocking(False)
        self.holders.add(holder)
        self.selector.register(holder, selectors.EVENT_READ)

    def accept(self) -> None:
        """Lets another program join, and tells it where the servers are."""
        if self.listener is None:
            return
        with suppress(OSError):
            holder, _ = self.listener.accept()
            self.add_holder(holder)
            send(holder, self.report())

    def read_holder(self, holder: socket.socket) -> None:
        """A holder says nothing; it only ends."""
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
            # The last one may wait for the end of the servers: its socket closes with this process.
            self.stopping = True
            return
        self.holders.discard(holder)
        with suppress(OSError):
            holder.send(b"kept\n")
        holder.close()

    def report(self) -> dict[str, Any]:
        """What every holder is told."""
        return {
            "database_url": postgres.database_url(self.places.run),
            "redis_url": self.redis_url,
            "guard_pid": os.getpid(),
            "postgres_pid": self.postgres.process.pid if self.postgres.process else None,
            "redis_pid": self.redis.process.pid if self.redis.process else None,
        }

    # The servers

    def start_postgres(self) -> None:
        """Starts PostgreSQL, without waiting for it."""
        with self.postgres.log.open("ab") as log:
            self.postgres.started(
                postgres.start(self.binaries.postgres, self.places, log, self.lock)
            )

    def start_redis(self) -> None:
        """Starts Redis, without waiting for it."""
        if self.binaries.redis is None:
            return
        with self.redis.log.open("ab") as log:
            self.redis.started(redis.start(self.binaries.redis, self.places, log))

    def start_all(self) -> None:
        """Starts both, and returns when they answer. Raises ``StartError``."""
        places = self.places
        self.start_redis()
        postgres.check_version(places.postgres_data)
        postgres.check_room(places.postgres_data, places.home)
        if not places.postgres_data.exists():
            postgres.create_cluster(self.binaries.postgres, places)
        postgres.forget_dead_server(places)
        log_start = self.postgres.log.stat().st_size if self.postgres.log.exists() else 0
        self.start_postgres()
        if self.postgres.process is not None:
            postgres.wait_until_ready(self.postgres.process, places, self.postgres.log, log_start)
        postgres.run_sql(self.binaries.postgres, places.run, places.account, postgres.PREPARE)
        self.finish_redis()

    def finish_redis(self) -> None:
        """Without Redis everything works, later: the sweep does what the doorbell would have hurried."""
        if self.redis.process and redis.wait_until_ready(self.redis.process, self.places):
            self.redis_url = redis.redis_url(self.places)
            return
        found = "does not start" if self.redis.process else "was not found on this machine"
        say("warning", "without_doorbell", reason=f"Redis {found}; due work waits for the sweep")
        end(self.redis.process, signal.SIGTERM)
        self.redis.process = None

    def watch(self) -> None:
        """Serves holders and keeps the servers up until the last holder is gone."""
        next_look = 0.0
        while self.holders and not self.stopping:
            for key, _ in self.selector.select(timeout=self.patience()):
                if key.fileobj is self.listener:
                    self.accept()
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self.holders:
                    self.read_holder(key.fileobj)
                elif isinstance(key.fileobj, socket.socket):
                    key.fileobj.recv(1024)  # a signal woke us
            self.restart_ended()
            if time.monotonic() > next_look:
                next_look = time.monotonic() + 60
                self.postgres.shorten_log()
                self.redis.shorten_log()

    def patience(self) -> float:
        """Seconds until something is due although nothing happens."""
        due = [server.restart_at for server in (self.postgres, self.redis) if server.restart_at]
        return max(0.0, min(due) - time.monotonic()) if due else 60.0

    def restart_ended(self) -> None:
        """Starts again what has ended by itself, after its wait."""
        for server, start in ((self.postgres, self.start_postgres), (self.redis, self.start_redis)):
            server.notice_end()
            if server.restart_at is not None and time.monotonic() >= server.restart_at:
                with suppress(OSError):
                    start()

    def stop_all(self) -> None:
        """Ends the servers: politely, then firmly. Lets nobody join meanwhile."""
        if self.listener is not None:
            self.listener.close()
            self.places.guard_socket.unlink(missing_ok=True)
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


def end(process: subprocess.Popen[bytes] | None, firmly: signal.Signals) -> None:
    """Ends a child that is still there."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(firmly)
    try:
        process.wait(LAST_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def send(holder: socket.socket, message: dict[str, Any]) -> None:
    """One JSON line to a holder, which may be gone."""
    with suppress(OSError):
        holder.send(json.dumps(message).encode() + b"\n")


def _wake_on_signals(guard: Guard) -> None:
    def stop(_number: int, _frame: object) -> None:
        guard.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    ours, kernels = socket.socketpair()
    ours.setblocking(False)
    kernels.setblocking(False)
    signal.set_wakeup_fd(kernels.fileno(), warn_on_full_buffer=False)
    guard.selector.register(ours, selectors.EVENT_READ, data=kernels)


def run(places: Places, binaries: Binaries, first_holder: socket.socket) -> int:
    """The guard's whole life; answers its exit code."""
    guard = Guard(places, binaries)
    _wake_on_signals(guard)
    try:
        with clear_folder_errors(places.home):
            if not guard.take_lock():
                send(first_holder, {"busy": True})
                return 0
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
    """Reads what to guard from the first argument (JSON), and its first holder from standard input."""
    os.umask(0o077)
    orders = json.loads(sys.argv[1])
    places = Places(
        home=Path(orders["home"]),
        run=Path(orders["run"]),
        account=Account(orders["uid"], orders["gid"]),
    )
    program = orders["redis"]
    binaries = Binaries(postgres=Path(orders["postgres"]), redis=Path(program) if program else None)
    return run(places, binaries, socket.socket(fileno=os.dup(0)))


if __name__ == "__main__":
    sys.exit(main())
