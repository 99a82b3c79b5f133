"""Copies of this process that run another command. They start without importing what is imported here."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.embedded.children import die_with_parent, name_process

_DESCRIPTORS = Path("/proc/self/fd")
_LOOK_SECONDS = 0.01
_ASKED = (signal.SIGINT, signal.SIGTERM)


class ForkedProcess:
    """A copy of this process, with the part of ``subprocess.Popen`` that a supervisor needs."""

    def __init__(self, pid: int, stdin: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = os.fdopen(stdin, "wb", buffering=0)

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the process runs."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL, unless the process has ended."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Returns the exit code. Raises subprocess.TimeoutExpired after ``timeout`` seconds."""
        allowed = math.inf if timeout is None else timeout
        deadline = time.monotonic() + allowed
        while (code := self.poll()) is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired("fork", allowed)
            time.sleep(_LOOK_SECONDS)
        return code


def can_fork() -> bool:
    """Return whether a copy can be made: on Linux, while no other thread of Python runs, whose locks nobody would release.

    Threads of jemalloc (in Arrow) and OpenBLAS (in NumPy) may run: these libraries renew themselves in a copy.
    """
    return sys.platform == "linux" and threading.active_count() == 1


def fork(
    run: Callable[[], None], name: str, environment: Mapping[str, str], descriptors: Sequence[int]
) -> ForkedProcess:
    """Start a copy of this process that calls ``run``, in a session of its own, and ends when this process ends.

    It keeps ``descriptors`` and has a pipe as standard input; its standard output is this process's standard error.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    ours, theirs = os.pipe()
    end_with_this = die_with_parent(signal.SIGKILL)
    # A signal in the copy must not raise what this process's handlers raise.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)
    try:
        pid = os.fork()
        if pid == 0:
            try:
                end_with_this()
                _become(name, environment, ours, descriptors)
                run()
            finally:
                os._exit(1)
    except OSError:
        os.close(ours)
        os.close(theirs)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
    os.close(ours)
    return ForkedProcess(pid, theirs)


def _become(
    name: str, environment: Mapping[str, str], stdin: int, descriptors: Sequence[int]
) -> None:
    """Give up what belongs to the other process: its session, name, signals, environment and open files."""
    os.setsid()
    name_process(name)
    os.dup2(stdin, 0)
    os.dup2(2, 1)
    for one in [int(path.name) for path in _DESCRIPTORS.iterdir()]:
        if one > 2 and one not in descriptors:
            _close(one)
    os.environ.clear()  # noqa: TID251 - passed on, nothing is read here
    os.environ.update(environment)  # noqa: TID251
    for number in _ASKED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return  # that of the list of descriptors
