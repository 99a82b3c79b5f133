"""``activations up``: servers, migrations, API and worker, started by one command and supervised until a signal."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from app.core.config import Settings
from app.core.logging import configure_logging, get_logger
from app.embedded.connections import listen, migrate_database, named_files, with_servers
from app.embedded.data_folder import locked_by_up, with_data_dir
from app.embedded.environment import child_environment, command_line
from app.embedded.errors import ExitCode, StartError
from app.embedded.folders import explain_folder_errors, write_atomically
from app.embedded.forked import can_fork, fork
from app.embedded.keys import with_keys
from app.embedded.servers import RunningServers, start_servers
from app.embedded.supervisor import Child, Process, start_program
from app.embedded.surroundings import check_files, check_names, check_surroundings
from app.services.tenancy import Bootstrap, bootstrap_service

log = get_logger(__name__)

READY_SECONDS = 60.0
END_SECONDS = 5.0  # for API and worker; the servers may take 5 more
CHECK_SECONDS = 0.2
FAILURES_BEFORE_READY = 3
ADDRESS_FILE = "address"


class Stop(BaseException):
    """A signal asks this process to end."""


@dataclass(frozen=True, slots=True)
class Copies:
    """How copies of this process run API and worker, which saves their imports. ``preload`` imports what both need.

    ``run`` runs the command line with other arguments, and ends the process.
    """

    preload: Callable[[], None]
    run: Callable[[Sequence[str]], None]


def keep_token(data_dir: Path, token: str | None) -> Path | None:
    """Write a new token to its file (mode 0600). Returns the file, or None if there is no token file."""
    file = data_dir / "token"
    if token is not None:
        with explain_folder_errors(file):
            write_atomically(file, token + "\n")
    if file.exists():
        return file
    log.warning("token_file_missing", advice="create another token with `activations token create`")
    return None


def keep_address(data_dir: Path, url: str) -> None:
    """Write the address of the API to its file, from which `activations console` reads it."""
    file = data_dir / ADDRESS_FILE
    with explain_folder_errors(file):
        write_atomically(file, url + "\n")


def _dialled(host: str) -> str:
    """Return the host of a URL that reaches what listens on ``host``."""
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound
    return local.get(host, f"[{host}]" if ":" in host else host)


class Up:
    """The running servers, API processes and worker."""

    def __init__(
        self,
        settings: Settings,
        running: RunningServers | None,
        listener: socket.socket,
        copies: Copies,
    ) -> None:
        self.settings = settings
        self.copies = copies
        self.running = running
        self.listener = listener
        self.host, self.port = listener.getsockname()[:2]
        descriptor = listener.fileno()
        wait = min(settings.job_completion_wait.total_seconds(), END_SECONDS - 1)
        environment = child_environment(settings, ACTIVATIONS_JOB_COMPLETION_WAIT=str(wait))
        api = ("api", "--child", "--descriptor", str(descriptor))
        start_api = partial(self._start_child, api, environment, [descriptor])
        self.children = [
            Child("api" if number == 0 else f"api-{number + 1}", start_api)
            for number in range(settings.api_processes)
        ]
        start_worker = partial(self._start_child, ("worker", "--child"), environment, [])
        self.children.append(Child("worker", start_worker))

    def _start_child(
        self, arguments: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]
    ) -> Process:
        """Start a command: in a copy of this process, or as a new program where no copy can be made."""
        if can_fork():
            run = partial(self.copies.run, arguments)
            return fork(run, f"activations {arguments[0]}", environment, descriptors)
        return start_program(command_line(*arguments), environment, descriptors)

    @property
    def url(self) -> str:
        """The URL under which clients reach the API."""
        return self.settings.public_url or f"http://{_dialled(self.host)}:{self.port}"

    @property
    def worker_health(self) -> str | None:
        """The URL of the worker's health endpoint, or None if it has none."""
        host, port = self.settings.worker_health_host, self.settings.worker_health_port
        return f"http://{_dialled(host)}:{port}/health/ready" if port else None

    def pids(self) -> dict[str, int | None]:
        """Return the current process ids.

        Returns ``{name: pid}`` with the names of all children and ``guard``, ``postgres`` and ``redis``; a pid is None
        for a server that does not run here.
        """
        pids = {child.name: child.pid for child in self.children}
        servers = self.running.servers if self.running else None
        return pids | {
            "guard": servers.guard_pid if servers else None,
            "postgres": servers.postgres_pid if servers else None,
            "redis": servers.redis_pid if servers else None,
        }

    def start(self) -> None:
        """Start API and worker, and wait until the API is ready. Raises StartError if it does not become ready."""
        for child in self.children:
            child.start()
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            self.restart_exited()
            failing = [child for child in self.children if child.failures >= FAILURES_BEFORE_READY]
            if failing or time.monotonic() > deadline:
                what = (
                    f"the {failing[0].name} process exits repeatedly"
                    if failing
                    else "the API does not become ready"
                )
                raise StartError(
                    f"The start failed: {what}. The log contains the reason.", ExitCode.NOT_READY
                )
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        connection = http.client.HTTPConnection(address, self.port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def restart_exited(self) -> None:
        """Restart each child that has exited, and the servers if the guard has exited."""
        if self.running is not None and not self.running.alive():
            log.error("guard_exited", action="the servers are restarted")
            self.running.stop()
            self.running = start_servers(
                self.settings.data_dir, server_dir=self.settings.server_dir
            )
        for child in self.children:
            child.restart_if_ended()

    def end(self) -> None:
        """End API and worker. A process that does not end in time is killed."""
        deadline = time.monotonic() + END_SECONDS
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait_or_kill(deadline)


def _stop_on_signals() -> None:
    def stop(number: int, _frame: object) -> None:
        # A second signal of this kind ends this process immediately, and all children end with it.
        signal.signal(number, signal.SIG_DFL)
        raise Stop

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _ready_line(up: Up, bootstrap: Bootstrap, token_file: Path | None) -> str:
    line: dict[str, Any] = {
        "ready": True,
        "url": up.url,
        "console": f"{up.url.rstrip('/')}/console",
        "spaceId": bootstrap.space_id,
        "tokenFile": str(token_file) if token_file else None,
        "workspaceId": bootstrap.workspace_id,
        "workerHealth": up.worker_health,
        "pids": up.pids(),
    }
    return json.dumps(line)


def run_up(settings: Settings, host: str, port: int, copies: Copies) -> None:
    """Run the whole service until SIGINT or SIGTERM. Raises StartError if it cannot start."""
    _stop_on_signals()
    try:
        check_names()
        settings = with_data_dir(settings)
        with locked_by_up(settings.data_dir):
            _run_locked(settings, host, port, copies)
    except Stop:
        log.info("shut_down")


def _run_locked(settings: Settings, host: str, port: int, copies: Copies) -> None:
    settings = with_keys(settings, make=True)
    configure_logging(settings)
    with listen(host, port) as listener:
        preloading = Thread(target=copies.preload, daemon=True)
        preloading.start()  # while the servers start
        with with_servers(settings) as (complete, running):
            check_surroundings(complete)
            migrate_database(complete)
            check_files(complete, named_files(complete))
            bootstrap = asyncio.run(bootstrap_service(complete))
            preloading.join()
            _serve(Up(complete, running, listener, copies), bootstrap)


def _serve(up: Up, bootstrap: Bootstrap) -> None:
    token_file = keep_token(up.settings.data_dir, bootstrap.token)
    try:
        up.start()
        keep_address(up.settings.data_dir, up.url)
        sys.stdout.write(_ready_line(up, bootstrap, token_file) + "\n")
        sys.stdout.flush()
        while True:
            time.sleep(CHECK_SECONDS)
            up.restart_exited()
    finally:
        up.end()
