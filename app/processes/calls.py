"""Calls of one function in a child, from asyncio: a cancelled caller or a passed deadline kills the child.

The threads that wait for children are not those of ``asyncio.to_thread``: these are few (five on a machine with one processor),
and children that take minutes, such as reads of users' slow databases, would take all of them from the rest of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from typing import Any, TypeVar

from app.core.logging import get_logger
from app.processes.child import Job
from app.processes.children import Child, ChildEnded
from app.processes.spares import SPARES

log = get_logger(__name__)

T = TypeVar("T")

#: More than there are children at once: what starts them has slots. A thread is started when it is needed.
_THREADS = ThreadPoolExecutor(max_workers=256, thread_name_prefix="child")


async def call_in_child(job: Job, *, deadline: timedelta) -> Any:
    """Return what the job's function returns; what it writes to its stream is dropped.

    Raises what the function raises, ChildEnded if the process ends without a report, and TimeoutError.
    """
    return await run_in_thread(job, lambda child: child.finish(), deadline=deadline)


async def run_in_thread(job: Job, use: Callable[[Child], T], *, deadline: timedelta) -> T:
    """Start a child with a job and call ``use(child)`` in a thread. The child has ended when this returns.

    If the child is killed or crashes, another one does the job from the beginning, once: ``use`` is called again. A job that
    costs two children their lives has failed. A child that is stopped here is killed at once, or gets SIGTERM and the job's
    ``ending`` seconds first.

    Raises what ``use`` raises, ChildEnded for the second child, and TimeoutError.
    """
    end = asyncio.get_running_loop().time() + deadline.total_seconds()
    try:
        return await _run_once(job, use, end)
    except ChildEnded as ended:
        if not ended.by_signal:
            raise
        log.warning("child_died", function=job.function, code=ended.code, action="tried once more")
    return await _run_once(job, use, end)


async def _run_once(job: Job, use: Callable[[Child], T], end: float) -> T:
    """Run a job in one child until ``end`` on the clock of the event loop."""
    child = await _started(job)
    try:
        work = _in_own_thread(use, child)
    except BaseException:  # no thread can be started
        await asyncio.shield(asyncio.to_thread(child.close))
        raise
    try:
        async with asyncio.timeout_at(end):
            return await asyncio.shield(work)
    finally:
        if job.ending and not work.done():
            child.terminate()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work], timeout=job.ending)
        child.kill()
        await _ended(work)
        await asyncio.shield(asyncio.to_thread(child.close))
        if job.ahead:
            SPARES.refill(job)


def _in_own_thread(use: Callable[[Child], T], child: Child) -> asyncio.Future[T]:
    """Call ``use(child)`` in a thread that nothing but children use."""
    return asyncio.get_running_loop().run_in_executor(_THREADS, copy_context().run, use, child)


async def _started(job: Job) -> Child:
    """Start a child. If the caller is cancelled before it runs, end it first: no other code knows of it."""
    starting = asyncio.ensure_future(asyncio.to_thread(_start, job))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _ended(starting)
        if starting.exception() is None:
            await asyncio.to_thread(starting.result().close)
        raise


def _start(job: Job) -> Child:
    child = SPARES.take(job)
    child.start(job)
    return child


async def _ended(work: asyncio.Future[Any]) -> None:
    """Wait for a thread that cannot be cancelled."""
    while not work.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([work])
    if not work.cancelled():
        work.exception()  # retrieved, or asyncio logs it as never retrieved
