"""One server program that the guard runs, with its log file and its restarts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LAST_SECONDS = 2.0
LONGEST_LOG = 32 * 2**20
RESTART_WAITS = (0.2, 1.0, 5.0, 15.0, 30.0)
STEADY_SECONDS = 60.0  # a server that ran longer than this is restarted after the shortest wait


def write_log_line(level: str, event: str, **fields: Any) -> None:
    """Write one JSON line to stderr, in the format of the service's other logs."""
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {"event": event, "level": level, "logger": "app.embedded.guard", "timestamp": moment}
    with suppress(OSError):
        sys.stderr.write(json.dumps(line | fields) + "\n")
        sys.stderr.flush()


class ServerProcess:
    """One server program with its log file. It is restarted if it exits unexpectedly."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.started_at = 0.0
        self.restart_at: float | None = None

    def note_start(self, process: subprocess.Popen[bytes]) -> None:
        """Record a new process of the server."""
        self.process = process
        self.started_at = time.monotonic()
        self.restart_at = None

    def schedule_restart(self) -> None:
        """Set the time of the restart if the process has exited."""
        if self.process is None or self.restart_at is not None or self.process.poll() is None:
            return
        if time.monotonic() - self.started_at > STEADY_SECONDS:
            self.failures = 0
        wait = RESTART_WAITS[min(self.failures, len(RESTART_WAITS) - 1)]
        self.failures += 1
        self.restart_at = time.monotonic() + wait
        write_log_line(
            "error",
            "server_exited",
            server=self.name,
            code=self.process.returncode,
            restart_in=wait,
        )

    def shorten_log(self) -> None:
        """Truncate the log file if it is too long. The server continues to append to it."""
        with suppress(OSError):
            if self.log.stat().st_size > LONGEST_LOG:
                os.truncate(self.log, 0)


def end(process: subprocess.Popen[bytes] | None, number: signal.Signals) -> None:
    """End a child that is still running: by the signal, then by SIGKILL."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(LAST_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
