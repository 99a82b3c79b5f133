"""The service's processes: started, killed, stopped, replaced, and started again when they end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from app.embedded.children import die_with_parent
from tests.chaos_processes.limits import APIS, ROOT, WORKERS

PR_SET_CHILD_SUBREAPER = 36
_SOON = 0.5  # seconds until an ended process is started again, as a process manager does
_GRACE = 45.0


def adopt_orphans() -> None:
    """Become the parent of all descendants whose parent ends, so that none of them is missed."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> dict[int, str]:
    """Return the living processes below this one: pid -> command line."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)

    def below(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == os.getpid():
                return True
        return False

    return {pid: _command(pid) for pid in parents if below(pid)}


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()[:200]
    return ""


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Slot:
    """The place of one process; an API keeps its port."""

    name: str
    command: list[str]
    log: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    ends: list[int] = field(default_factory=list)  # exit codes that nobody has caused

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def signal(self, number: int) -> None:
        if self.is_running:
            os.kill(self.pid, number)


class Fleet:
    """Two API and three worker processes, and what starts them again."""

    def __init__(self, folder: Path, data: Path, environment: dict[str, str]) -> None:
        self.environment = environment
        self.slots = [self._slot(folder, data, "api", number) for number in range(APIS)]
        self.slots += [self._slot(folder, data, "worker", number) for number in range(WORKERS)]
        self._keeping: asyncio.Task[None] | None = None

    def _slot(self, folder: Path, data: Path, kind: str, number: int) -> Slot:
        command = [sys.executable, "-m", "tests.chaos_processes.entry", kind, "--data", str(data)]
        port = free_port() if kind == "api" else 0
        if port:
            command += ["--port", str(port)]
        return Slot(f"{kind}-{number}", command, folder / f"{kind}-{number}.log", port)

    def of(self, kind: str) -> list[Slot]:
        return [slot for slot in self.slots if slot.name.startswith(kind)]

    def by_pid(self, pid: int) -> Slot | None:
        return next((slot for slot in self.slots if slot.is_running and slot.pid == pid), None)

    def start(self, slot: Slot) -> None:
        """Start a process. It ends with this thread, which must be the main one."""
        with slot.log.open("ab") as log:
            slot.process = subprocess.Popen(
                slot.command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )

    def start_all(self) -> None:
        for slot in self.slots:
            self.start(slot)
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_SOON)
            for slot in self.slots:
                if not slot.is_running and slot.process is not None:
                    code = slot.process.returncode
                    if code not in (0, -signal.SIGKILL):
                        slot.ends.append(code)
                    self.start(slot)

    async def replace(self, slot: Slot) -> None:
        """End a process in order, and start its successor, as in a deployment."""
        process = slot.process
        slot.signal(signal.SIGTERM)
        for _ in range(int(_GRACE / 0.1)):
            if process is None or process.poll() is not None or slot.process is not process:
                break
            await asyncio.sleep(0.1)
        if not slot.is_running:
            self.start(slot)

    async def stop(self) -> list[str]:
        """End all in order; returns those that had to be killed."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        for slot in self.slots:
            slot.signal(signal.SIGCONT)
            slot.signal(signal.SIGTERM)
        for _ in range(int(_GRACE / 0.1)):
            if not any(slot.is_running for slot in self.slots):
                break
            await asyncio.sleep(0.1)
        left = [slot.name for slot in self.slots if slot.is_running]
        self.kill()
        return left

    def kill(self) -> None:
        """End all at once."""
        for slot in self.slots:
            slot.signal(signal.SIGKILL)
            if slot.process is not None:
                slot.process.wait(30)
