"""A running service of two workspaces, as ``activations up`` starts it: what an attacker and a neighbour see of it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.servers import make_reachable_folder, remove_reachable_folder

ROOT = Path(__file__).parents[2]
CANARY = "c4n4ry-of-another-0123456789"
DISK = 1280  # MiB: the reserve is 256 of them
MEMORY = 768 * 1024**2  # bytes of one definition
SETTINGS = {
    "ACTIVATIONS_RATE_LIMITS": "off",
    "ACTIVATIONS_SQL_MEMORY_BYTES": str(MEMORY),
    "ACTIVATIONS_SQL_TIMEOUT": "6",
    "ATTACK_CANARY": CANARY,
    "ACTIVATIONS_SWEEP_INTERVAL": "1",
    "ACTIVATIONS_SETTLE_TIME": "1",
    "ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1",
}


@dataclass
class Workspace:
    """One workspace: its client, and the paths below its space."""

    http: httpx.Client
    space_id: str
    token: str
    made: int = 0
    retried: list[int] = field(default_factory=list)  # statuses of calls that were tried again

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request below the space; any status is an answer."""
        return self.http.request(method, f"/spaces/{self.space_id}{path}", **options)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Send a request until it is not refused for lack of room. Returns the data; fails on any other status."""
        while True:
            answer = self.request(method, path, **options)
            if answer.status_code not in (503, 507):
                break
            self.retried.append(answer.status_code)
            time.sleep(0.25)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["data"]

    def name(self) -> str:
        self.made += 1
        return f"n{self.made}"

    def create_audience(self, query: str = "") -> str:
        body = {"name": self.name(), "definition": {"query": query}, "audienceType": "USERS"}
        return str(self.call("POST", "/audiences", json=body)["audience"]["id"])

    def create_dataset(self) -> str:
        return str(
            self.call("POST", "/datasets", json={"name": self.name(), "kind": "upload"})["dataset"][
                "id"
            ]
        )

    def start_run(self, audience_id: str) -> str:
        return str(self.call("POST", f"/audiences/{audience_id}/runs")["run"]["id"])

    def read_run(self, audience_id: str, run_id: str) -> Any:
        return self.call("GET", f"/audiences/{audience_id}/runs/{run_id}")["run"]

    def finish_run(self, audience_id: str, run_id: str, seconds: float = 60) -> Any:
        """Wait for the end of a run and return it."""

        def ended() -> Any:
            run = self.read_run(audience_id, run_id)
            return run if run["status"] in ("complete", "failed") else None

        return wait_for(ended, seconds)

    def compute(self, query: str, seconds: float = 60) -> Any:
        """Create an audience with a definition and compute it. Returns the run, or the refusal's status and body."""
        body = {"name": self.name(), "definition": {"query": query}, "audienceType": "USERS"}
        answer = self.request("POST", "/audiences", json=body)
        if answer.status_code != 200:
            return {"status": answer.status_code, "error": answer.text}
        audience = answer.json()["data"]["audience"]["id"]
        return self.finish_run(audience, self.start_run(audience), seconds)


@dataclass
class Service:
    """The running service: its address, the processes, its folder, the log, and both workspaces."""

    url: str
    pids: dict[str, int]
    folder: Path
    log: Path
    attacker: Workspace
    neighbour: Workspace

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 80)

    def send(self, data: bytes, *, seconds: float = 5, more: bytes = b"") -> bytes:
        """Send bytes as they are and return what comes back until the service closes, or for some seconds."""
        with socket.create_connection(self.address, timeout=seconds) as opened:
            with contextlib.suppress(OSError):
                opened.sendall(data)
                if more:
                    time.sleep(0.2)
                    opened.sendall(more)
            return _received(opened)

    def memory(self, name: str) -> int:
        """Return the highest memory of a process in MiB: ``api`` or ``worker``."""
        status = Path(f"/proc/{self.pids[name]}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) // 1024

    def running(self) -> dict[str, int]:
        """Return the processes of the service that still run."""
        return {name: pid for name, pid in self.pids.items() if Path(f"/proc/{pid}/exe").exists()}


def _received(opened: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(OSError):
        while piece := opened.recv(65536):
            received += piece
    return received


def wait_for(look: Callable[[], Any], seconds: float, every: float = 0.1) -> Any:
    """Return the first answer that is not None. Fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"nothing came of it within {seconds} s"
        time.sleep(every)
    return found


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[bool]:
    """Put a small file system at ``folder`` if this process may mount one. Yields whether it did."""
    folder.mkdir(mode=0o711)
    options = f"size={mebibytes}m,mode=0711"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and not subprocess.run(command, capture_output=True).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def running_service() -> Iterator[Service]:
    """Start the service on a small disk, with an attacker's and a neighbour's workspace."""
    parent = make_reachable_folder()
    environment = {"PATH": os.environ["PATH"], **SETTINGS}
    command = [sys.executable, "-m", "app.cli"]
    with small_disk(parent / "data", DISK), (parent / "log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "up", "--data", str(parent / "data"), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            line = json.loads(process.stdout.readline())
            made = subprocess.run(
                [*command, "workspace", "create", "--name", "N", "--data", str(parent / "data")],
                capture_output=True,
                cwd=ROOT,
                env=environment,
                check=True,
            )
            other = json.loads(made.stdout)
            attacker = (line["spaceId"], Path(line["tokenFile"]).read_text().strip())
            with (
                _workspace(line["url"], *attacker) as first,
                _workspace(line["url"], other["spaceId"], other["token"]) as second,
            ):
                yield Service(
                    line["url"], line["pids"], parent / "data", parent / "log", first, second
                )
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()
    remove_reachable_folder(parent)


@contextlib.contextmanager
def _workspace(url: str, space_id: str, token: str) -> Iterator[Workspace]:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=90) as http:
        yield Workspace(http, space_id, token)
