"""The programs that row S14 compares. Each sends the members of a file to a receiver, night after night."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.members_receiver import Receiver
from benchmarks.peers import FOLDER, PYTHON
from benchmarks.service import Service
from benchmarks.upload import upload

BATCH = 500
NIGHT = 900.0  # seconds that a run may take

#: The members of a night: id -> the night in which it entered.
Night = Mapping[str, int]


def write(night: Night, file: Path) -> Path:
    """Write the file of a night. Returns its path."""
    rows = (f"{name},{name}@example.com,{entered}\n" for name, entered in night.items())
    file.write_text("profile_id,email,updated_at\n" + "".join(rows))
    return file


class Program(Protocol):
    """A program with a state, and the path of the receiver that it sends to."""

    name: str

    def first(self, path: str, file: Path) -> float:
        """Send the file of the first night to a new path. Returns the seconds."""

    def resume(self, path: str, **options: float) -> None:
        """Take the state after the first night, with a path of the receiver of its own."""

    def send(self, file: Path) -> float:
        """Send the file of the next night. Returns the seconds."""

    def kill_midway(self, file: Path) -> None:
        """Send the file of the next night, and kill the program (SIGKILL) when the path holds its answers."""


@dataclass
class Script:
    """A program that a command runs each night. Its time is that of the command.

    ``command`` returns the command for a URL, a file and the folder of its state.
    """

    name: str
    receiver: Receiver
    folder: Path
    command: Callable[[str, Path, Path], list[str]]
    path: str = ""
    base: str = ""

    def __post_init__(self) -> None:
        self.state = self.folder / self.name / "state"
        self.saved = self.folder / self.name / "saved"

    def first(self, path: str, file: Path) -> float:
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(parents=True)
        self.path = self.base = path
        self.receiver.begin(path)
        seconds = self.send(file)
        shutil.rmtree(self.saved, ignore_errors=True)
        shutil.copytree(self.state, self.saved)
        return seconds

    def resume(self, path: str, **options: float) -> None:
        shutil.rmtree(self.state)
        shutil.copytree(self.saved, self.state)
        self.path = path
        self.receiver.begin(path, self.base, **options)

    def send(self, file: Path) -> float:
        begun = time.perf_counter()
        self._start(file).wait(NIGHT)
        return time.perf_counter() - begun

    def kill_midway(self, file: Path) -> None:
        process = self._start(file)
        self.receiver.wait_for_hold(self.path)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        self.receiver.release(self.path)

    def _start(self, file: Path) -> subprocess.Popen[bytes]:
        command = self.command(f"{self.receiver.url}/in/{self.path}", file, self.state)
        with (self.folder / f"{self.name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.state,
                env={"PATH": os.environ["PATH"], "HOME": str(self.state), "DO_NOT_TRACK": "1"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def python_peer(program: str) -> Callable[[str, Path, Path], list[str]]:
    """Return the command of a program of benchmarks/peers."""

    def command(url: str, file: Path, state: Path) -> list[str]:
        return [str(PYTHON), str(FOLDER / f"{program}.py"), url, str(file), str(state)]

    return command


def drt(url: str, file: Path, state: Path) -> list[str]:
    """Write a project of drt, and return its command.

    As its documentation has it: a sync from DuckDB to ``rest_api``, incremental by a column, in batches. Its own limit of 10 requests a
    second is off.
    """
    (state / ".drt").mkdir(exist_ok=True)
    (state / "syncs").mkdir(exist_ok=True)
    (state / ".drt" / "profiles.yml").write_text(
        'default:\n  type: duckdb\n  database: ":memory:"\n'
    )
    (state / "drt_project.yml").write_text('name: bench\nversion: "0.1"\nprofile: default\n')
    (state / "syncs" / "members.yml").write_text(
        f"""name: members
model: "SELECT profile_id, email, updated_at FROM read_csv('{file}', types={{'updated_at': 'BIGINT'}})"
destination:
  type: rest_api
  url: "{url}"
  method: POST
  headers:
    Content-Type: application/json
  body_mode: batch
  max_records_per_request: {BATCH}
  batch_template: "{{{{ rows | tojson }}}}"
sync:
  mode: incremental
  cursor_field: updated_at
  batch_size: {BATCH}
  rate_limit:
    requests_per_second: 0
"""
    )
    return [str(PYTHON.parent / "drt"), "run"]


@dataclass
class OurService:
    """The service: each scenario has an audience and an activation of its own, whose first night is sent before."""

    receiver: Receiver
    running: Service
    first_file: Path
    name: str = "service"
    path: str = ""
    sync: int = 0
    pair: tuple[str, str] = field(default=("", ""))

    def first(self, path: str, file: Path) -> float:
        self.receiver.begin(path)
        self.path, self.sync = path, 0
        self.pair = self.running.webhook_activation(
            f"{self.receiver.url}/in/{path}", batch_size=BATCH
        )
        return self.send(file)

    def resume(self, path: str, **options: float) -> None:
        self.first(path, self.first_file)
        self.receiver.begin(path, **options)

    def send(self, file: Path) -> float:
        begun = time.perf_counter()
        self._upload(file)
        end = begun + NIGHT
        while True:
            newest = next(iter(self.running.syncs(*self.pair)), None)
            if newest and newest["number"] >= self.sync:
                if newest["status"] in ("complete", "held"):
                    return time.perf_counter() - begun
                if newest["status"] in ("failed", "cancelled"):
                    raise RuntimeError(f"the sync ended as {newest}")
            if time.perf_counter() > end:
                raise TimeoutError(f"the sync is still {newest}")
            time.sleep(0.005)

    def kill_midway(self, file: Path) -> None:
        self._upload(file)
        self.receiver.wait_for_hold(self.path)
        os.kill(self.running.pids["worker"], signal.SIGKILL)
        self.receiver.release(self.path)

    def _upload(self, file: Path) -> None:
        self.sync += 1
        upload(self.running, self.pair[0], file.read_bytes())
