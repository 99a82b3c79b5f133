"""The parent's side: children that are forked from this process's template, or started anew where there is none."""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

import app
from app.processes.child import REPORT_LIMIT, REPORTED, ChildFailed, Job, Report, send_job
from app.processes.template import MESSAGE, STATUS

_CODE = str(Path(app.__file__).parent.parent)
#: The template must have one thread: these are settings of libraries, of which some start others when they are imported.
_ENVIRONMENT = {
    # Arrow's own pool reserves 1 GiB and fills large pages with zeros: half a second of each child, and most of its limit.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
#: Seconds in which the template answers, with the imports for a new kind of job. One that is stuck is replaced.
ANSWER_SECONDS = 60.0
_TOO_LONG = 1  # the exit code of a child with a report that is too long
_PLAIN = {
    *(("builtins", name) for name in ("set", "frozenset", "bytearray")),
    *(("datetime", name) for name in ("datetime", "date", "time", "timedelta", "timezone")),
    ("decimal", "Decimal"),
    ("pathlib", "PosixPath"),
}


class ChildEnded(Exception):
    """A child ended without a report, as a crash or a limit ends it. ``code`` is negative for a signal."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the child ended with {code}")
        self.code = code

    @property
    def by_signal(self) -> bool:
        """Whether it was killed (by the system, for want of memory, or by a person), or crashed; not by a limit of its own."""
        return self.code < 0 and self.code != -signal.SIGXCPU


class Child:
    """A process that does one job. Blocking: use it in a thread.

    ``stream`` reads what the job's function writes.
    """

    def __init__(
        self,
        channel: socket.socket,
        report: int,
        send: Callable[[signal.Signals], None],
        end: Callable[[], int],
    ) -> None:
        self._channel = channel
        self._report = report
        self._send = send
        self._end = end
        self.stream: BinaryIO = channel.makefile("rb")

    def is_waiting(self) -> bool:
        """Return whether a process without a job still runs. It writes nothing, so its channel can be read only after its end."""
        return not select.select([self._channel], [], [], 0)[0]

    def start(self, job: Job) -> None:
        """Send the job. A child that has ended already is noticed by :meth:`finish`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            send_job(self._channel, job)

    def kill(self) -> None:
        """Kill the process if it is running. May be called from any thread."""
        self._send(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the process to end. May be called from any thread."""
        self._send(signal.SIGTERM)

    def finish(self) -> Any:
        """Wait for the end and return what the function returned.

        Raises what the function raised, ChildFailed if its class or the report cannot be read, or ChildEnded if there is no
        report.
        """
        with open(self._report, "rb", closefd=False) as pipe:
            packed = pipe.read(REPORT_LIMIT + 1)
        if len(packed) > REPORT_LIMIT:
            self.kill()
        code = self._end()
        if len(packed) > REPORT_LIMIT:
            raise ChildEnded(_TOO_LONG)
        if not packed or code != 0:
            raise ChildEnded(code)
        report = _read(packed)
        if not isinstance(report, Report):
            raise ChildEnded(code)
        if report.error is not None:
            raise report.error
        return report.value

    def close(self) -> None:
        """Kill the process if it is running, wait for its end and close what is open. Called once."""
        self.kill()
        self.stream.close()
        self._channel.close()
        os.close(self._report)
        self._end()


class _Reports(pickle.Unpickler):
    """Reads reports. A child that was taken over by its input must not make this process call functions."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a data class of this service, an exception, or a plain type. Raises UnpicklingError for anything else."""
        top = module.partition(".")[0]
        if top in REPORTED:
            found = super().find_class(module, name)
            if isinstance(found, type) and (
                issubclass(found, Exception | Enum)
                or is_dataclass(found)
                or (module, name) in _PLAIN
            ):
                return found
        raise pickle.UnpicklingError(f"a report may not contain {module}.{name}")


def _read(packed: bytes) -> Any:
    """Return the report. Raises ChildFailed for any that cannot be read: a class that is refused, or one that cannot be built."""
    try:
        return _Reports(io.BytesIO(packed)).load()
    except Exception as error:
        raise ChildFailed(f"{type(error).__name__}: {error}") from error


class Template:
    """The template of this process: started at its first use, and again if it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def child(self, module: str, ahead: str = "") -> Child:
        """Fork a child that has imported ``module``, and calls ``before_job`` of the module ``ahead``."""
        ours, theirs = socket.socketpair()
        pipes: list[int] = []
        try:
            for _ in range(2):
                pipes += os.pipe()
            report, report_end, status, status_end = pipes
            handle = self._forked(f"{module}|{ahead}", [theirs.fileno(), report_end, status_end])
        except BaseException:  # or a process without a descriptor left would never have one again
            ours.close()
            _close(pipes)
            raise
        finally:
            theirs.close()
        _close([report_end, status_end])
        forked = _Forked(handle, status)
        return Child(ours, report, forked.send, forked.wait)

    def _forked(self, wanted: str, descriptors: list[int]) -> int:
        """Return the pidfd of a new child. ``wanted`` is the message to the template. Raises OSError if there is none."""
        with self._lock:
            try:
                answer, handles = self._asked(wanted, descriptors)
            except OSError:  # it has ended or is stuck: its children end with it
                self.stop()
                answer, handles = self._asked(wanted, descriptors)
        if not handles:
            number = (
                STATUS.unpack(answer)[0] or errno.EMFILE
            )  # this process takes no descriptor more
            raise OSError(number, f"no child process: {os.strerror(number)}")
        return int(handles[0])

    def _asked(self, wanted: str, descriptors: list[int]) -> tuple[bytes, list[int]]:
        """Return what the template answers, and the descriptors with it. Raises OSError if it has ended, or is stuck."""
        control = self._running()
        control.settimeout(ANSWER_SECONDS)
        socket.send_fds(control, [wanted.encode()], descriptors)
        answer, handles, _, _ = socket.recv_fds(control, MESSAGE, 1)
        if not answer:
            raise OSError("the template of child processes does not run")
        return answer, handles

    def _running(self) -> socket.socket:
        if self._control is None or self._owner != os.getpid():
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._process = _python(
                f"from app.processes.template import main; main({theirs.fileno()})",
                [theirs.fileno()],
            )
            self._owner = os.getpid()
            theirs.close()
        return self._control

    def stop(self) -> None:
        """End the template. The next child starts it again."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control, self._process = None, None


def _python(code: str, descriptors: list[int]) -> subprocess.Popen[bytes]:
    """Run code of this package in a new interpreter, in a session of its own, without an environment."""
    command = [
        sys.executable,
        "-I",
        "-B",
        "-c",
        f"import sys; sys.path.insert(0, {_CODE!r}); {code}",
    ]
    return subprocess.Popen(  # noqa: S603  code of this module
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
        cwd="/",
        pass_fds=descriptors,
        start_new_session=True,
    )


class _Forked:
    """A forked child, by its pidfd and the pipe for its exit status.

    Both are closed when the end is known. Their numbers may be those of another child at once, so nothing is sent from then on.
    """

    def __init__(self, handle: int, status: int) -> None:
        self._handle = handle
        self._status = status
        self._code: int | None = None
        self._lock = threading.Lock()

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the child may still run. May be called from any thread."""
        with self._lock:
            if self._code is None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._handle, number)

    def wait(self) -> int:
        """Wait for the exit code; negative for a signal."""
        if self._code is None:
            found = os.read(self._status, STATUS.size)
            with self._lock:
                self._code = (
                    STATUS.unpack(found)[0] if len(found) == STATUS.size else -int(signal.SIGKILL)
                )
                os.close(self._status)
                os.close(self._handle)
        return self._code


def _close(descriptors: Iterable[int]) -> None:
    for one in descriptors:
        os.close(one)


def _new_process(module: str) -> Child:
    """Start a child without a template: slower, for systems without pidfds."""
    ours, theirs = socket.socketpair()
    report, report_end = os.pipe()
    code = (
        "import socket; from app.processes.child import do_job; "
        f"import {module}; "
        f"do_job(socket.socket(fileno={theirs.fileno()}), {report_end})"
    )
    try:
        process = _python(code, [theirs.fileno(), report_end])
    except BaseException:
        ours.close()
        os.close(report)
        raise
    finally:
        theirs.close()
        os.close(report_end)
    return Child(ours, report, process.send_signal, process.wait)


_TEMPLATE = Template()
atexit.register(_TEMPLATE.stop)


def start_child(module: str, ahead: str = "") -> Child:
    """Start a child that has imported ``module``. Blocks for some milliseconds; the first call of a process for longer.

    ``ahead``: the module whose ``before_job`` the child calls before it takes its job, if it has a template.
    """
    return _TEMPLATE.child(module, ahead) if hasattr(os, "pidfd_open") else _new_process(module)
