"""The child's side: it takes one job, sets its limits, and calls one function.

A job names a function ``f(stream, argument)``. The function may write to ``stream``, which the parent reads, and what it
returns or raises goes to the parent as the child's report. The module of the function can have a function ``before_job``,
which a child that is forked ahead calls before it waits for its job.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO

_PR_SET_PDEATHSIG = 1
_SIZE = struct.Struct("!Q")
_GRACE = 2  # seconds after SIGXCPU, which names the reason, until SIGKILL
REPORT_LIMIT = 64 * 1024 * 1024  # bytes
#: Packages whose exceptions and data classes a report may contain.
REPORTED = ("app", "builtins", "datetime", "decimal", "duckdb", "_duckdb", "pathlib", "pyarrow")
_LONGEST_REASON = 500  # characters
_LONGEST_WAIT = 600.0  # seconds in which a child that was forked ahead waits for its job


class ChildFailed(Exception):
    """A job ended with an error whose class the parent does not read. The message names the class and the reason."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the kernel allows a child. None: no limit of its own.

    - ``data_bytes``: memory beyond what it begins with; what libraries reserve counts, mapped files do not.
    - ``space_bytes``: address space.
    - ``seconds``: processor time of all of its threads.
    - ``file_bytes``: size of a file that it writes; 0 keeps it from writing.
    - ``files``: open files.
    """

    data_bytes: int | None = None
    space_bytes: int | None = None
    seconds: int | None = None
    file_bytes: int | None = None
    files: int | None = 256

    def apply(self) -> None:
        """Set the limits for this process, which cannot raise them again."""
        for kind, limit in (
            (resource.RLIMIT_DATA, _more_data(self.data_bytes)),
            (resource.RLIMIT_AS, self.space_bytes),
            (resource.RLIMIT_CPU, self.seconds),
            (resource.RLIMIT_FSIZE, self.file_bytes),
            (resource.RLIMIT_NOFILE, self.files),
            (resource.RLIMIT_CORE, 0),
        ):
            if limit is not None:
                hard = limit + _GRACE if kind == resource.RLIMIT_CPU else limit
                resource.setrlimit(kind, (limit, hard))


def _more_data(size: int | None) -> int | None:
    """Return the size of the data segment with ``size`` bytes more than now."""
    if size is None or sys.platform != "linux":
        return size
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    return pages * resource.getpagesize() + size


@dataclass(frozen=True, slots=True)
class Job:
    """A call of ``function`` (``module:name``) with ``argument``, under ``limits``, with these environment variables.

    A child whose parent ends is killed at once, or gets SIGTERM and ``ending`` seconds to end what it began elsewhere.
    """

    function: str
    argument: Any
    limits: Limits
    preload: str = ""  # the module that the template imports, if it is not that of the function
    environment: Mapping[str, str] = field(default_factory=dict)
    ending: float = 0.0
    ahead: bool = False  # the module has ``before_job``; the next child of the kind is forked before its job is known

    @property
    def module(self) -> str:
        """The module of the function."""
        return self.function.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a job: what the function returned, or what it raised."""

    value: Any = None
    error: BaseException | None = None


def _end_with_parent() -> None:
    """Let the kernel kill this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def send_job(channel: socket.socket, job: Job) -> None:
    """Send a job to a child."""
    packed = pickle.dumps(job)
    channel.sendall(_SIZE.pack(len(packed)) + packed)


def do_job(channel: socket.socket, report: int, ahead: str = "") -> None:
    """Take a job from ``channel``, do it, and write the report to the descriptor ``report``. Ends the process.

    ``ahead``: the module whose ``before_job`` is called first.
    """
    code = 1
    try:
        if ahead:
            _get_ready(ahead, channel)
        job = _take_job(channel)
        if job is not None:
            os.environ.update(job.environment)  # noqa: TID251  for native libraries
            if not job.ending:
                _end_with_parent()
            job.limits.apply()
            Thread(target=_end_with_channel, args=(channel, job.ending), daemon=True).start()
            with channel.makefile("wb") as stream:
                ended = _call(job, stream)
            channel.shutdown(socket.SHUT_WR)
            _write(report, ended)
            code = 0
    finally:
        os._exit(code)


def _get_ready(module: str, channel: socket.socket) -> None:
    """Call a module's ``before_job``, then wait for the job. A child without a job ends itself after ten minutes."""
    with contextlib.suppress(Exception):  # the job does what is missing, and reports what fails
        importlib.import_module(module).before_job()
    if not select.select([channel], [], [], _LONGEST_WAIT)[0]:
        # As if it had been killed: a parent that sends a job at this moment starts another child.
        signal.raise_signal(signal.SIGKILL)


def _take_job(channel: socket.socket) -> Job | None:
    """Return the job, or None if the parent has none or has ended."""
    head = _receive(channel, _SIZE.size)
    packed = _receive(channel, _SIZE.unpack(head)[0]) if head else None
    job: Job | None = pickle.loads(packed) if packed else None  # noqa: S301  from the parent
    return job


def _receive(channel: socket.socket, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        piece = channel.recv(min(size - len(received), 1024 * 1024))
        if not piece:
            return None
        received += piece
    return bytes(received)


def _end_with_channel(channel: socket.socket, ending: float) -> None:
    """End when the parent closes the channel, which happens however the parent ends."""
    with contextlib.suppress(OSError):
        while channel.recv(1024):
            pass
    if ending:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ending)
    os._exit(1)


def _call(job: Job, stream: BinaryIO) -> Report:
    module, _, name = job.function.partition(":")
    try:
        value = getattr(importlib.import_module(module), name)(stream, job.argument)
        stream.flush()
    except Exception as error:  # noqa: BLE001  the parent raises it again
        return Report(error=_reportable(error))
    return Report(value=value)


def _reportable(error: Exception) -> Exception:
    """Return the error, or a ChildFailed that names it if the parent does not read its class."""
    known = type(error).__module__.partition(".")[0] in REPORTED
    return error if known else _named(error, error)


def _named(error: BaseException | None, reason: object) -> ChildFailed:
    return ChildFailed(f"{type(error).__name__}: {reason}"[:_LONGEST_REASON])


def _write(report: int, ended: Report) -> None:
    try:
        packed = pickle.dumps(ended)
    except Exception as error:  # noqa: BLE001  anything can be part of an exception
        packed = pickle.dumps(Report(error=_named(ended.error, error)))
    left = memoryview(packed)
    while left:
        left = left[os.write(report, left) :]
