from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.embedded import supervisor
from app.embedded.supervisor import Child, Process, start_program

pytestmark = pytest.mark.timeout(60)

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def wait_for(fact: Callable[[], bool], limit: float = 10) -> None:
    deadline = time.monotonic() + limit
    while not fact():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.01)


def ends_with(code: int) -> list[str]:
    return [sys.executable, "-c", f"raise SystemExit({code})"]


def create_child(command: list[str]) -> Child:
    return Child("x", partial(start_program, command, ENVIRONMENT))


class TestChild:
    def test_that_ends_is_started_again(self) -> None:
        child = create_child(["sleep", "60"])
        child.start()
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        def restarted() -> bool:
            child.restart_if_ended()
            return child.pid != first

        wait_for(restarted)
        child.wait_or_kill(time.monotonic())

    def test_that_cannot_be_started_is_tried_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The other processes go on: without memory for a fork, the whole service would end."""
        monkeypatch.setattr(supervisor, "START_AGAIN_WAIT", 0.05, raising=False)
        starts: list[int] = []

        def start() -> Process:
            starts.append(1)
            if len(starts) == 2:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            return start_program(["sleep", "60"] if len(starts) > 2 else ends_with(1), ENVIRONMENT)

        child = Child("x", start)
        child.start()
        first = child.pid

        def restarted() -> bool:
            child.restart_if_ended()
            return child.pid != first

        wait_for(restarted)
        assert len(starts) == 3
        child.wait_or_kill(time.monotonic())

    @pytest.mark.walk
    def test_that_keeps_ending_waits_longer(self) -> None:
        child = create_child(ends_with(1))
        child.start()

        def failed_thrice() -> bool:
            child.restart_if_ended()
            return child.failures == 3

        started = time.monotonic()
        wait_for(failed_thrice)
        assert time.monotonic() - started > 0.2 + 1.0
        child.wait_or_kill(time.monotonic())

    def test_that_ignores_the_signal_is_killed(self) -> None:
        code = "import signal,sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', file=sys.stderr, flush=True); signal.pause()"
        child = create_child([sys.executable, "-c", code])
        child.start()
        pid = child.pid
        assert pid is not None
        wait_for(lambda: _ignores_term(pid))
        child.terminate()
        child.wait_or_kill(time.monotonic() + 0.2)
        assert not Path(f"/proc/{pid}").exists()

    def test_ends_with_a_killed_parent(self) -> None:
        code = (
            "import os, signal, sys\n"
            "from app.embedded.supervisor import start_program\n"
            "child = start_program(['sleep', '60'], {'PATH': os.environ['PATH']})\n"
            "print(child.pid, flush=True)\n"
            "signal.pause()\n"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
        )
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        parent.stdout.close()
        wait_for(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid))


def _ignores_term(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    ignored = next(line for line in lines if line.startswith("SigIgn:")).split()[1]
    return bool(int(ignored, 16) & (1 << (signal.SIGTERM - 1)))


def _is_zombie(pid: int) -> bool:
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
