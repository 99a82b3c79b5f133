"""The embedded engine: one instance for each process, with threads in a heavy, a medium and a small lane."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import duckdb

from app.core.disk_reserve import is_full
from app.core.errors import AppError, Invalid
from app.core.ids import new_id
from app.core.logging import get_logger
from app.processes import FairSlots
from app.snapshots.engine.apart import Call, call_apart
from app.snapshots.engine.connections import connect, usual_memory
from app.snapshots.engine.faults import TooMuchMemory
from app.snapshots.engine.inputs import Upload
from app.snapshots.engine.small_uploads import has_long_rows, is_small
from app.snapshots.engine.sql import Cursor, sql_text

log = get_logger(__name__)

Lane = Literal["heavy", "medium", "small"]
MEDIUM_ROWS = (
    300_000  # that the calls of the medium lane read, at most: they take less than a second
)
APART = 2  # children at a time
SMALL_APART = 1  # and as many more for small uploads, which do not wait for large ones
SMALL_BYTES = 4 * 1024**2  # of an upload as it was sent
LONGEST = 3600.0  # seconds of one call
RENEWED_AFTER = 200  # calls
_UNREADABLE = "The file cannot be read as {}: its content makes the reader fail. The log of the service names the reason."

T = TypeVar("T")
_NO_MEMORY = (duckdb.OutOfMemoryException, TooMuchMemory)


def lane_of(rows: int) -> Lane:
    """Return the lane of a call that reads so many rows: ``medium``, or ``heavy`` for large work."""
    return "medium" if rows <= MEDIUM_ROWS else "heavy"


class Engine:
    """Runs blocking functions on cursors of one DuckDB instance.

    A call gets the usual part of the ``memory`` (``usual_memory``), and all of it if that is too little, or if it reads
    an upload of long rows. ``scratch`` is a local folder that only this process uses, for spilled data and
    unfinished files. If ``readable`` is given, SQL can reach only these folders and the scratch folder.
    """

    def __init__(
        self, memory: str, threads: int, scratch: Path, readable: Sequence[Path] = ()
    ) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self._scratch = scratch.resolve()
        self._call = partial(
            Call, memory=memory, threads=threads, scratch=self._scratch, readable=list(readable)
        )
        self._memory = memory
        self._begun = self._greedy = 0  # calls in all lanes; calls with all of the memory
        self._renewed_at = 0  # calls in all lanes
        self._is_raised = False  # the instance has more than its usual memory
        self._limiting = asyncio.Lock()
        self._open = partial(connect, usual_memory(memory), threads, self._scratch, readable)
        self._opened: Cursor | None = None
        self._apart, self._small_apart = FairSlots(APART), FairSlots(SMALL_APART)
        self._lanes: dict[str, asyncio.Semaphore] = {
            lane: asyncio.Semaphore(1) for lane in ("heavy", "medium", "small")
        }

    def scratch_file(self, suffix: str) -> Path:
        """Return a new local path. The caller deletes the file."""
        return self._scratch / f"{new_id('tmp')}{suffix}"

    async def run(
        self,
        function: Callable[..., T],
        *args: Any,
        lane: Lane = "heavy",
        **named: Any,
    ) -> T:
        """Call ``function(cursor, …)`` in a thread. Each lane runs one call at a time.

        A cancelled task interrupts its query and waits for the thread, so nothing runs on after the cancellation. A call
        that needs more than the usual memory is made again with all of it. If the lanes together need more than that, it
        is made once more without the others. Raises OSError with ENOSPC if the disk is full, and TimeoutError after an hour:
        no call may keep the lane for ever.
        """
        call = partial(self._call_once, function, args, named)
        try:
            if await self._first_memory(args, least=SMALL_BYTES) == self._memory:
                return await self._with_all_memory(call, lane)
            try:
                async with self._lane(lane):
                    self._begun += 1
                    return await call()
            except _NO_MEMORY:
                return await self._with_all_memory(call, lane)
        finally:
            await asyncio.shield(self._tidy())

    async def _first_memory(self, args: Sequence[Any], least: int = 0) -> str:
        """Return the memory of the first attempt of a call: all of it for an upload of long rows, and of ``least`` bytes."""

        def needs_all() -> bool:
            uploads = [one for one in args if isinstance(one, Upload)]
            return any(one.path.stat().st_size >= least and has_long_rows(one) for one in uploads)

        if any(isinstance(one, Upload) for one in args) and await asyncio.to_thread(needs_all):
            return self._memory
        return usual_memory(self._memory)

    async def _with_all_memory(self, call: Callable[[], Awaitable[T]], lane: Lane) -> T:
        """Make a call with all of the memory: beside the calls of other lanes, and then without them."""
        begun, shared = 0, False
        try:
            async with self._lane(lane), self._all_memory():
                self._begun += 1
                begun, shared = self._begun, self._is_shared()
                return await call()
        except _NO_MEMORY:
            if lane == "small" or not (shared or self._begun > begun):
                raise
        async with self._lanes["heavy"], self._lanes["medium"], self._all_memory():
            return await call()

    @asynccontextmanager
    async def _all_memory(self) -> AsyncIterator[None]:
        """Give the instance all of the memory during a block. Calls of other lanes may use it, too."""
        self._greedy += 1
        try:
            async with self._limiting:
                self._is_raised = True
                await self._limit(self._memory)
            yield
        finally:
            self._greedy -= 1

    async def _tidy(self) -> None:
        await self._restore()
        await self._renew()

    async def _renew(self) -> None:
        """Open the instance anew after many calls, if none runs.

        An instance keeps an entry for each block of its memory that was freed, until it needs memory or has some 30,000 of
        them, in each of eight queues. A call leaves about a hundred, so a process would grow for hours. Opening takes 10 ms.
        """
        gates: list[asyncio.Semaphore | asyncio.Lock] = [*self._lanes.values(), self._limiting]
        if self._begun - self._renewed_at < RENEWED_AFTER or any(gate.locked() for gate in gates):
            return
        self._renewed_at = self._begun
        async with contextlib.AsyncExitStack() as closed:
            for gate in gates:
                await closed.enter_async_context(gate)
            await asyncio.to_thread(self._open_anew)

    def _open_anew(self) -> None:
        """Close the instance, and open another one. If that fails, the next call opens it."""
        old, self._opened = self._opened, None
        try:
            if old is not None:
                old.close()
            self._opened = self._open()
        except (duckdb.Error, OSError):
            log.exception("engine_not_renewed")

    async def _restore(self) -> None:
        """Give the instance its usual memory again, unless a call needs all of it. If other calls use more, a later call does so."""
        if not self._is_raised:
            return
        async with self._limiting:
            if not self._greedy:
                with contextlib.suppress(duckdb.OutOfMemoryException):
                    await self._limit(usual_memory(self._memory))
                    self._is_raised = False

    async def _limit(self, memory: str) -> None:
        await self._call_once(_set_memory, (memory,), {})

    async def _call_once(
        self, function: Callable[..., T], args: Sequence[Any], named: Mapping[str, Any]
    ) -> T:
        cursor = self._cursor()
        work = asyncio.ensure_future(asyncio.to_thread(function, cursor, *args, **named))
        try:
            async with asyncio.timeout(LONGEST):
                return await asyncio.shield(work)
        except duckdb.Error as error:
            if is_full(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise
        except (asyncio.CancelledError, TimeoutError):
            await _stop(work, cursor)
            raise
        finally:
            cursor.close()

    def _lane(self, lane: Lane) -> asyncio.Semaphore:
        """Return the lane of a call. A medium call takes the heavy lane if only that is free."""
        heavy, medium = self._lanes["heavy"], self._lanes["medium"]
        if lane == "medium" and medium.locked() and not heavy.locked():
            return heavy
        return self._lanes[lane]

    def _is_shared(self) -> bool:
        """Whether calls run in several lanes."""
        return sum(lane.locked() for lane in self._lanes.values()) > 1

    async def run_on_upload(
        self, owner: str, function: Callable[..., T], upload: Upload, *args: Any, **named: Any
    ) -> T:
        """Call ``function(cursor, upload, …)``: in a child, or here if the upload is small and plain.

        Raises the AppErrors and OSErrors that :meth:`run_apart` raises, and Invalid for any other error: data that makes
        a library fail in a new way is refused, not a fault of the request's handling.
        """
        try:
            if await asyncio.to_thread(is_small, upload):
                with contextlib.suppress(*_NO_MEMORY):  # other calls have it; a child has its own
                    return await self.run(function, upload, *args, lane="small", **named)
            size = await asyncio.to_thread(upload.path.stat)
            is_small_file = size.st_size <= SMALL_BYTES and not self._apart.is_free
            slots = self._small_apart if is_small_file else self._apart
            return await self._run_in_child(slots, owner, function, (upload, *args), named)
        except (AppError, OSError):
            raise
        except Exception as error:
            log.exception("upload_unreadable", form=upload.format)
            raise Invalid(_UNREADABLE.format(upload.format)) from error

    async def run_apart(
        self, owner: str, function: Callable[..., T], *args: Any, **named: Any
    ) -> T:
        """Call ``function(cursor, …)`` in a child with an engine of its own.

        Two calls run at a time, and one more for a small upload; the turns are fair between owners (workspaces). Arguments
        and result are copied.

        Raises what the function raises; Invalid if it needs too much memory or time; InsufficientStorage if the disk
        is full.
        """
        return await self._run_in_child(self._apart, owner, function, args, named)

    async def _run_in_child(
        self,
        slots: FairSlots,
        owner: str,
        function: Callable[..., T],
        args: tuple[Any, ...],
        named: Mapping[str, Any],
    ) -> T:
        call = self._call(function, args, dict(named))
        async with slots.slot(owner):
            result: T = await call_apart(call, await self._first_memory(args))
        return result

    def _cursor(self) -> Cursor:
        """Return a cursor. The first one opens the instance, because many processes never need it."""
        if self._opened is None:
            self._opened = self._open()
        return self._opened.cursor()

    def close(self) -> None:
        """Close the instance and delete the scratch folder."""
        if self._opened is not None:
            self._opened.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


def _set_memory(cursor: Cursor, memory: str) -> None:
    cursor.execute(f"SET memory_limit = {sql_text(memory)}")


async def _stop(work: asyncio.Future[Any], cursor: Cursor) -> None:
    """Interrupt until the thread has ended: a query that starts after one interrupt needs another."""
    while not work.done():
        cursor.interrupt()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([work], timeout=0.05)
    if not work.cancelled():
        work.exception()  # retrieved, or asyncio logs it as never retrieved
