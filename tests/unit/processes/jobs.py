"""Functions that the tests run in children."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import tempfile
import threading
import time
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from app.core import errors
from app.core.errors import Invalid


class Unbuilt(Exception):
    """Cannot be built from its arguments, as many libraries' exceptions cannot."""

    def __init__(self, code: int, *, why: str) -> None:
        super().__init__(f"{why} ({code})")


Unbuilt.__module__ = "app.core.errors"  # one of the packages whose exceptions a report may contain
errors.Unbuilt = Unbuilt  # type: ignore[attr-defined]


class Hostile:
    """Pickles as a call of a function in the reading process."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


def look(_: BinaryIO, __: Any) -> dict[str, Any]:
    """Return the child's environment, working folder, and numbers of descriptors and threads."""
    names = list(Path("/proc/self/fd").iterdir())
    threads = list(Path("/proc/self/task").iterdir())
    return {
        "environment": dict(os.environ),
        "descriptors": len(names),
        "threads": len(threads),
        "folder": str(Path.cwd()),
    }


def has_phone_metadata(_: BinaryIO, __: Any) -> bool:
    """Report whether the patterns of phone numbers are there."""
    from app.domain.phone_numbers import plain_pattern

    return plain_pattern.cache_info().currsize == 1


def echo(stream: BinaryIO, value: Any) -> Any:
    """Write and return a value."""
    stream.write(repr(value).encode())
    return value


def refuse(_: BinaryIO, value: Any) -> None:
    """Raise an error of the service."""
    raise Invalid(f"no {value}", field="f", data={"row": 3})


def fail_unknown(_: BinaryIO, kind: str) -> None:
    """Raise an error that the parent cannot read."""
    match kind:
        case "class":
            zlib.decompress(b"no")
        case "arguments":
            raise Unbuilt(7, why="broken")
        case _:
            raise ValueError("locked", threading.Lock())


def crash(_: BinaryIO, number: int) -> None:
    """End by a signal."""
    os.kill(os.getpid(), number)
    time.sleep(10)


def crash_at_first(_: BinaryIO, job: tuple[Path, int]) -> str:
    """End by a signal in the first child; the second one returns."""
    marker, number = job
    if not marker.exists():
        marker.touch()
        crash(_, number)
    return "done"


def count_and_crash(_: BinaryIO, job: tuple[Path, int]) -> None:
    """Note that this child ran, and end by a signal."""
    folder, number = job
    tempfile.mkstemp(dir=folder)
    crash(_, number)


def read_null(_: BinaryIO, __: Any) -> None:
    """Crash as native code does."""
    ctypes.string_at(0)


def use_memory(_: BinaryIO, size: int) -> int:
    """Allocate and touch memory."""
    return len(bytearray(size))


def use_processor(_: BinaryIO, __: Any) -> None:
    """Compute without an end."""
    while True:
        pass


def write_file(_: BinaryIO, __: Any) -> None:
    """Write to a file."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with tempfile.TemporaryFile() as file:
        file.write(bytes(1024 * 1024))


def wait_long(_: BinaryIO, __: Any) -> None:
    """Wait for a minute, with another thread that waits."""
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    time.sleep(60)


def report_call(_: BinaryIO, __: Any) -> Hostile:
    """Return what would run a program in the parent."""
    return Hostile()


def report_much(_: BinaryIO, size: int) -> bytes:
    """Return many bytes."""
    return bytes(size)


_READY: list[int] = []


def before_job() -> None:
    """What a child that is forked ahead does before its job."""
    _READY.append(os.getpid())


def who(_: BinaryIO, name: str) -> tuple[int, list[int], str, int]:
    """Return the process, what ``before_job`` noted, the argument, and the memory limit."""
    return os.getpid(), _READY, name, resource.getrlimit(resource.RLIMIT_DATA)[0]
