"""Child processes that are restarted when they exit, and that end when this process ends."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Protocol

from app.core.logging import get_logger
from app.embedded.children import die_with_parent

log = get_logger(__name__)

RESTART_WAITS = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0
START_AGAIN_WAIT = 2.0  # seconds, after a start for which the system had nothing left


class Process(Protocol):
    """The part of ``subprocess.Popen`` that is used here."""

    pid: int
    returncode: int | None

    @property
    def stdin(self) -> IO[bytes] | None:
        """Its standard input, a pipe."""

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""

    def send_signal(self, sig: int, /) -> None:
        """Send a signal."""

    def kill(self) -> None:
        """Send SIGKILL."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Raises subprocess.TimeoutExpired after ``timeout`` seconds."""


def start_program(
    command: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int] = ()
) -> Process:
    """Start a program in a session of its own. Its standard output is this process's standard error.

    It ends when this process ends for any reason: on Linux by the parent's death signal, on other systems because its
    standard input, a pipe to this process, is closed.
    """
    return subprocess.Popen(  # noqa: S603 - modules of this package
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=2,
        pass_fds=descriptors,
        start_new_session=True,  # this process passes on an interrupt from the terminal
        preexec_fn=die_with_parent(signal.SIGKILL),
    )


class Child:
    """One supervised process, which ``start`` starts. Each restart waits longer than the one before."""

    def __init__(self, name: str, start: Callable[[], Process]) -> None:
        self.name = name
        self.failures = 0
        self._start = start
        self._process: Process | None = None
        self._started_at = 0.0
        self._restart_at: float | None = None

    @property
    def pid(self) -> int | None:
        """The id of the current process, or None before the start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process. Call this from the main thread: the death signal is sent when the calling thread ends."""
        self._close()
        self._process = self._start()
        self._started_at = time.monotonic()
        self._restart_at = None

    def restart_if_ended(self) -> None:
        """Restart the process if it has exited and the wait is over."""
        if self._process is None:
            return
        if self._restart_at is None and self._process.poll() is not None:
            steady = time.monotonic() - self._started_at > STEADY_SECONDS
            wait = RESTART_WAITS[0 if steady else min(self.failures, len(RESTART_WAITS) - 1)]
            self.failures = 1 if steady else self.failures + 1
            self._restart_at = time.monotonic() + wait
            log.error(
                "process_exited", process=self.name, code=self._process.returncode, restart_in=wait
            )
        if self._restart_at is not None and time.monotonic() >= self._restart_at:
            self._start_again()

    def _start_again(self) -> None:
        """Start the process. If the system has no process or descriptor left, try later: the other processes go on."""
        try:
            self.start()
        except OSError as error:
            self._restart_at = time.monotonic() + START_AGAIN_WAIT
            log.error(
                "process_not_started",
                process=self.name,
                reason=error.strerror or str(error),
                next_try_in=START_AGAIN_WAIT,
            )

    def terminate(self) -> None:
        """Send SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait_or_kill(self, deadline: float) -> None:
        """Wait for the end of the process until ``deadline`` (monotonic clock), then kill it."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, deadline - time.monotonic()))
            if self._process.poll() is None:
                log.warning("process_killed", process=self.name)
                self._process.kill()
                self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
