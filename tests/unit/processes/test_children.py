"""Children: limits, ends and reports."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Invalid
from app.processes import (
    ChildEnded,
    ChildFailed,
    Job,
    Limits,
    call_in_child,
    children,
    run_in_thread,
    template,
)
from app.processes.child import REPORT_LIMIT
from tests.processes import running_children
from tests.unit.processes import jobs

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="children are forked on Linux only"
)
DEADLINE = timedelta(seconds=30)


def job_of(function: Callable[..., Any], argument: Any = None, **limits: Any) -> Job:
    # The template imports this package from the folder of the code under test.
    return Job(f"{jobs.__name__}:{function.__name__}", argument, Limits(**limits))


async def call(function: Callable[..., Any], argument: Any = None, **limits: Any) -> Any:
    return await call_in_child(job_of(function, argument, **limits), deadline=DEADLINE)


class TestCalls:
    @pytest.mark.parametrize("value", [None, 7, "ü", {"a": [1, {2}]}, Path("x"), "y" * 3_000_000])
    async def test_a_value_goes_there_and_back(self, value: Any) -> None:
        def use(child: children.Child) -> tuple[bytes, Any]:
            return child.stream.read(), child.finish()

        written, returned = await run_in_thread(job_of(jobs.echo, value), use, deadline=DEADLINE)
        assert (written, returned) == (repr(value).encode(), value)

    async def test_an_error_comes_back_with_all_that_it_says(self) -> None:
        with pytest.raises(Invalid, match="no luck") as caught:
            await call(jobs.refuse, "luck")
        assert (caught.value.field, caught.value.data) == ("f", {"row": 3})

    @pytest.mark.parametrize(
        ("kind", "says"),
        [("class", "error: Error -3"), ("arguments", "TypeError: "), ("attribute", "ValueError: ")],
    )
    async def test_an_error_that_cannot_be_read_is_named(self, kind: str, says: str) -> None:
        with pytest.raises(ChildFailed, match=says):
            await call(jobs.fail_unknown, kind)

    async def test_many_at_once(self) -> None:
        assert await asyncio.gather(*[call(jobs.echo, n) for n in range(12)]) == list(range(12))

    async def test_a_module_that_does_not_exist_is_an_error_of_the_child(self) -> None:
        with pytest.raises(ModuleNotFoundError):
            await call_in_child(Job("app.nothing:f", None, Limits()), deadline=DEADLINE)
        assert await call(jobs.echo, 1) == 1


class TestSurroundings:
    async def test_a_child_has_nothing_of_its_parent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ACTIVATIONS_SECRET", "x")
        seen = await call(jobs.look)
        assert set(seen["environment"]) <= {*children._ENVIRONMENT, "LC_CTYPE"}
        assert seen["folder"] == "/"
        # The channel, the report, three standard streams, and the folder that it lists.
        assert seen["descriptors"] <= 6
        assert seen["threads"] == 2  # one waits for the end of the parent

    async def test_the_template_calls_what_comes_before_a_fork(self) -> None:
        job = Job(
            f"{jobs.__name__}:{jobs.has_phone_metadata.__name__}",
            None,
            Limits(),
            preload="app.snapshots.membership.members",
        )
        assert await call_in_child(job, deadline=DEADLINE)

    async def test_the_template_has_one_thread(self) -> None:
        for module in (
            "app.snapshots.membership.members",
            "app.sources.postgres.child",
            "app.snapshots.definitions",
        ):
            job = Job(f"{jobs.__name__}:{jobs.echo.__name__}", None, Limits(), preload=module)
            await call_in_child(job, deadline=DEADLINE)
        process = children._TEMPLATE._process
        assert process is not None
        assert threads_of(process.pid) == 1


class TestLimits:
    @pytest.mark.parametrize(
        ("function", "argument", "limits", "ends"),
        [
            (jobs.use_memory, 300 * 1024**2, {"data_bytes": 200 * 1024**2}, MemoryError),
            (jobs.use_memory, 3 * 1024**3, {"space_bytes": 2 * 1024**3}, MemoryError),
            (jobs.use_processor, None, {"seconds": 1}, -signal.SIGXCPU),
            (jobs.write_file, "never written", {"file_bytes": 0}, OSError),
            (jobs.crash, signal.SIGKILL, {}, -signal.SIGKILL),
            (jobs.crash, signal.SIGSEGV, {}, -signal.SIGSEGV),
            (jobs.read_null, None, {}, -signal.SIGSEGV),
            (jobs.report_much, REPORT_LIMIT + 1, {}, ChildEnded),
        ],
    )
    async def test_ends_the_child_alone(
        self, function: Callable[..., Any], argument: Any, limits: dict[str, int], ends: Any
    ) -> None:
        with pytest.raises(ChildEnded if isinstance(ends, int) else ends) as caught:
            await call(function, argument, **limits)
        if isinstance(ends, int):
            assert isinstance(caught.value, ChildEnded)
            assert caught.value.code == ends
        assert await call(jobs.echo, 1) == 1

    async def test_a_report_calls_nothing_here(self) -> None:
        with pytest.raises(ChildFailed, match="may not contain"):
            await call(jobs.report_call)


class TestDeaths:
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
    async def test_once_is_tried_again(self, tmp_path: Path, number: int) -> None:
        assert await call(jobs.crash_at_first, (tmp_path / "marker", number)) == "done"

    @pytest.mark.parametrize(
        ("number", "children"), [(signal.SIGKILL, 2), (signal.SIGSEGV, 2), (signal.SIGXCPU, 1)]
    )
    async def test_twice_is_enough(self, tmp_path: Path, number: int, children: int) -> None:
        with pytest.raises(ChildEnded) as caught:
            await call(jobs.count_and_crash, (tmp_path, number))
        assert caught.value.code == -number
        ran = len(list(tmp_path.iterdir()))  # noqa: ASYNC240  a test may block
        assert ran == children, "a limit of its own is no accident"

    @pytest.mark.walk
    async def test_both_share_one_deadline(self, tmp_path: Path) -> None:
        begun = time.monotonic()
        job = job_of(jobs.wait_long)
        task = asyncio.create_task(call_in_child(job, deadline=timedelta(seconds=1)))
        await asyncio.sleep(0.4)
        for pid in running_children():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(TimeoutError):
            await task
        assert time.monotonic() - begun < 1.9
        assert not running_children()


class TestThreads:
    async def test_children_that_take_long_leave_the_threads_of_the_process_to_others(self) -> None:
        """A machine with one processor has five: reads of slow databases would stop all deliveries."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        long = [asyncio.create_task(call(jobs.wait_long)) for _ in range(4)]
        async with asyncio.timeout(10):
            while len(running_children()) < 4:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)
            assert await asyncio.to_thread(max, 1, 2) == 2
        for task in long:
            task.cancel()
        await asyncio.gather(*long, return_exceptions=True)
        assert not running_children()


class TestEnds:
    async def test_the_deadline_kills_it(self) -> None:
        with pytest.raises(TimeoutError):
            await call_in_child(job_of(jobs.wait_long), deadline=timedelta(seconds=0.2))
        assert not running_children()

    async def test_a_cancelled_caller_kills_it(self) -> None:
        task = asyncio.create_task(call(jobs.wait_long))
        await asyncio.sleep(0.3)
        assert running_children()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not running_children()

    def test_one_that_has_ended_kills_no_other(self) -> None:
        """Its pidfd is closed by then, and the number may be that of the next child's."""
        (first, number), (second, other) = with_pidfd(), with_pidfd()
        first.start(job_of(jobs.echo, 1))
        assert first.finish() == 1
        os.dup2(other, number)
        first.kill()
        first.terminate()
        second.start(job_of(jobs.echo, 2))
        assert second.finish() == 2
        os.close(number)
        first.close()
        second.close()

    async def test_a_template_that_takes_no_descriptor_refuses_one_child_and_keeps_the_others(
        self,
    ) -> None:
        assert await call(jobs.echo, 1) == 1
        running, _ = with_pidfd()
        process = children._TEMPLATE._process
        assert process is not None
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        with pytest.raises(OSError, match="no child process: Too many open files"):
            await call(jobs.echo, 2)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
        running.start(job_of(jobs.echo, 3))
        assert running.finish() == 3
        running.close()
        assert await call(jobs.echo, 4) == 4
        assert children._TEMPLATE._process is process

    def test_a_fork_that_fails_is_the_answer_to_one_request(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> int:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

        monkeypatch.setattr(os, "fork", fail)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        given = [os.open("/", os.O_RDONLY) for _ in range(template.DESCRIPTORS)]
        socket.send_fds(ours, [b"|"], given)
        assert template._serve(theirs, (-1, -1), {})
        assert template.STATUS.unpack(ours.recv(template.MESSAGE)) == (errno.EAGAIN,)
        for descriptor in (*given, ours.detach(), theirs.detach()):
            os.close(descriptor)

    def test_a_start_without_a_descriptor_left_keeps_none(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipe, made = os.pipe, list[tuple[int, int]]()

        def once() -> tuple[int, int]:
            if made:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            made.append(pipe())
            return made[0]

        before = descriptors()
        monkeypatch.setattr(os, "pipe", once)
        with pytest.raises(OSError, match="Too many open files"):
            children.start_child(jobs.__name__)
        assert descriptors() == before

    @pytest.mark.walk
    async def test_a_killed_template_is_started_again(self) -> None:
        assert await call(jobs.echo, 1) == 1
        process = children._TEMPLATE._process
        assert process is not None
        process.kill()
        assert await call(jobs.echo, 2) == 2

    async def test_a_template_that_is_stuck_is_replaced(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert await call(jobs.echo, 1) == 1
        process = children._TEMPLATE._process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        stop = children.Template.stop

        def stop_once(stuck: children.Template) -> None:
            monkeypatch.undo()  # the next one has its time
            stop(stuck)

        monkeypatch.setattr(children, "ANSWER_SECONDS", 0.2)
        monkeypatch.setattr(children.Template, "stop", stop_once)
        assert await call(jobs.echo, 2) == 2
        assert process.returncode == -signal.SIGKILL

    @pytest.mark.walk
    def test_all_end_with_a_killed_parent(self) -> None:
        code = (
            "import asyncio\nfrom datetime import timedelta\n"
            "from app.processes import Job, Limits, call_in_child\n"
            "job = Job('tests.unit.processes.jobs:wait_long', None, Limits())\n"
            "asyncio.run(call_in_child(job, deadline=timedelta(minutes=1)))\n"
        )
        root = Path(__file__).parents[3]
        parent = subprocess.Popen([sys.executable, "-c", code], cwd=root)
        found: set[int] = set()
        deadline = time.monotonic() + 20
        while len(found) < 2 and time.monotonic() < deadline:
            found = below(parent.pid)
            time.sleep(0.05)
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 5
        while any(map(is_running, found)):
            assert time.monotonic() < deadline, "a child outlived its parent"
            time.sleep(0.02)
        assert len(found) == 2


def with_pidfd() -> tuple[children.Child, int]:
    """Start a child that waits for its job. Returns the number of its pidfd, too."""
    before = pidfds()
    child = children.start_child(jobs.__name__)
    (number,) = pidfds() - before
    return child, number


def pidfds() -> set[int]:
    own = Path("/proc/self/fd")
    return {int(one.name) for one in own.iterdir() if "[pidfd]" in os.path.realpath(one)}


def descriptors() -> set[str]:
    return {one.name for one in Path("/proc/self/fd").iterdir()}


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def below(pid: int) -> set[int]:
    """Return the children of a process and their children."""
    found: set[int] = set()
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found |= {child, *below(child)}
    except OSError:
        pass
    return found


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
