"""The service as a child process: started with ``activations up``, ended when the demo ends for any reason."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import app
from app.demo.errors import DemoFailed

READY_SECONDS = 120
END_SECONDS = 15
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
#: Not passed on, so that the demo never uses servers that are configured for a real service.
_NOT_PASSED_ON = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL")


@dataclass(frozen=True, slots=True)
class Service:
    """A running service. ``pids`` are those of its ready line, and that of its own process as ``up``."""

    url: str
    space_id: str
    token_file: Path
    data_dir: Path
    log: Path
    pids: Mapping[str, int | None]

    @property
    def token(self) -> str:
        """The token that the first start created."""
        return self.token_file.read_text(encoding="utf-8").strip()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a folder for the demo's data, and remove it at the end.

    If the demo runs as root, the servers run as another account, which must be able to enter the folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="activations-demo-"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running_service(
    folder: Path, settings: Mapping[str, str], *, port: int = 0
) -> AsyncIterator[Service]:
    """Run a service with its data below ``folder``. ``settings`` are environment variables.

    Raises DemoFailed if the service does not start.
    """
    log = folder / "service.log"
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "app.cli", "up"),
            *("--data", str(folder / "data"), "--port", str(port)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=_environment(settings),
            start_new_session=True,  # Ctrl-C interrupts the demo only, which then ends the service
            preexec_fn=_end_with_parent,
        )
    try:
        yield await _ready(process, folder / "data", log)
    finally:
        await _end(process)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    environment = os.environ.copy()  # noqa: TID251 - passed on to a child, nothing is read here
    for name in _NOT_PASSED_ON:
        environment.pop(name, None)
    root = str(Path(app.__file__).parent.parent)
    paths = filter(None, (root, environment.get("PYTHONPATH")))
    return environment | {"PYTHONPATH": os.pathsep.join(paths)} | dict(settings)


def _end_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_SET_DEATH_SIGNAL, int(signal.SIGTERM), 0, 0, 0)


async def _ready(process: asyncio.subprocess.Process, data: Path, log: Path) -> Service:
    assert process.stdout is not None  # noqa: S101 - stdout is a pipe
    try:
        line = await asyncio.wait_for(process.stdout.readline(), READY_SECONDS)
    except TimeoutError:
        line = b""
    try:
        ready: dict[str, Any] = json.loads(line)
    except ValueError:
        raise DemoFailed(f"The service did not start: {_last_line(log)}") from None
    return Service(
        url=ready["url"],
        space_id=ready["spaceId"],
        token_file=Path(ready["tokenFile"]),
        data_dir=data,
        log=log,
        pids={**ready["pids"], "up": process.pid},
    )


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it logged nothing"


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
