"""Work that a cancellation does not cut."""

from __future__ import annotations

import asyncio
import threading

import pytest

from app.core.threads import in_thread, to_its_end


async def test_a_cancelled_caller_waits_for_its_thread() -> None:
    running, release, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        running.set()
        release.wait(10)
        ended.set()

    caller = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(running.wait, 10)
    for _ in range(3):  # a second cancellation does not cut it either
        caller.cancel()
        await asyncio.sleep(0.02)
    assert not caller.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()


async def test_the_result_and_the_error_come_through() -> None:
    async def fail() -> None:
        raise ValueError("no")

    assert await in_thread(max, 1, 2) == 2
    with pytest.raises(ValueError, match="no"):
        await to_its_end(fail())


async def test_the_error_of_work_whose_caller_was_cancelled_is_not_reported_as_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun = asyncio.Event()

    async def fail_later() -> None:
        begun.set()
        await asyncio.sleep(0.05)
        raise ValueError("no")

    caller = asyncio.create_task(to_its_end(fail_later()))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    del caller
    await asyncio.sleep(0)
    assert "never retrieved" not in caplog.text
