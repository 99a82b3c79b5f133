"""Children that are forked ahead: each does one job, and one that is gone is replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.processes import Job, Limits, call_in_child
from app.processes.spares import SPARES
from tests.processes import is_running, running_children, without_spares
from tests.unit.processes import jobs

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="children are forked on Linux only"
)


@pytest.fixture(autouse=True)
def only_ours() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        without_spares(patch)
    yield
    with pytest.MonkeyPatch.context() as patch:
        without_spares(patch)


async def who(name: str) -> Any:
    job = Job(
        f"{jobs.__name__}:{jobs.who.__name__}", name, Limits(data_bytes=512 * 1024**2), ahead=True
    )
    return await call_in_child(job, deadline=timedelta(seconds=30))


def spare() -> int:
    """Wait for the child that waits. Returns its process id."""
    end = time.monotonic() + 10
    while not SPARES._waiting:
        assert time.monotonic() < end
        time.sleep(0.01)
    (found,) = running_children()
    return found


def ended(process: int) -> None:
    """Wait for the end of a process."""
    end = time.monotonic() + 10
    while is_running(process):
        assert time.monotonic() < end
        time.sleep(0.01)


async def test_the_next_job_gets_a_child_that_was_ready_before() -> None:
    first, ready, name, _ = await who("first")
    assert (ready, name) == ([first], "first")
    waiting = spare()
    second, ready, name, limit = await who("second")
    assert (second, ready, name) == (waiting, [waiting], "second")
    assert 0 < limit < 2 * 1024**3, "limits are set when the job comes"
    assert spare() not in {first, second}, "each child does one job"


async def test_one_that_was_killed_is_replaced() -> None:
    await who("first")
    waiting = spare()
    os.kill(waiting, signal.SIGKILL)
    ended(waiting)
    second, _, name, _ = await who("second")
    assert (second != waiting, name) == (True, "second")


async def test_it_ends_when_its_channel_is_closed() -> None:
    """The channel is closed however this process ends."""
    await who("first")
    waiting = spare()
    SPARES._waiting.popitem()[1].close()
    ended(waiting)


def test_it_ends_when_no_job_comes() -> None:
    code = (
        "import socket; from app.processes import child; child._LONGEST_WAIT = 0.1; "
        f"ours, theirs = socket.socketpair(); child._get_ready({jobs.__name__!r}, theirs)"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL, (
        "as one that was killed, so that its job is tried again"
    )


async def test_a_job_without_it_leaves_no_child() -> None:
    job = Job(f"{jobs.__name__}:{jobs.who.__name__}", "one", Limits())
    _, ready, *_ = await call_in_child(job, deadline=timedelta(seconds=30))
    assert ready == []
    assert not SPARES._waiting
    assert not running_children()
