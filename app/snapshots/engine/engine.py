"""The embedded engine: one instance for each process, with threads in a heavy and a small lane."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Sequence
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
from app.snapshots.engine.connections import connect
from app.snapshots.engine.inputs import Upload
from app.snapshots.engine.small_uploads import is_small
from app.snapshots.engine.sql import Cursor

log = get_logger(__name__)

Lane = Literal["heavy", "small"]
APART = 2  # children at a time
LONGEST = 3600.0  # seconds of one call
_UNREADABLE = "The file cannot be read as {}: its content makes the reader fail. The log of the service names the reason."

T = TypeVar("T")


class Engine:
    """Runs blocking functions on cursors of one DuckDB instance.

    ``scratch`` is a local folder that only this process uses, for spilled data and unfinished files. If ``readable``
    is given, SQL can reach only these folders and the scratch folder.
    """

    def __init__(
        self, memory: str, threads: int, scratch: Path, readable: Sequence[Path] = ()
    ) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self._scratch = scratch.resolve()
        self._call = partial(
            Call, memory=memory, threads=threads, scratch=self._scratch, readable=list(readable)
        )
        self._open = partial(connect, memory, threads, self._scratch, readable)
        self._opened: Cursor | None = None
        self._apart = FairSlots(APART)
        self._lanes: dict[str, asyncio.Semaphore] = {
            "heavy": asyncio.Semaphore(1),
            "small": asyncio.Semaphore(1),
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

        A cancelled task interrupts its query and waits for the thread, so nothing runs on after the cancellation. Raises
        OSError with ENOSPC if the disk is full, and TimeoutError after an hour: no call may keep the lane for ever.
        """
        async with self._lanes[lane]:
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

    async def run_on_upload(
        self, owner: str, function: Callable[..., T], upload: Upload, *args: Any, **named: Any
    ) -> T:
        """Call ``function(cursor, upload, …)``: in a child, or here if the upload is small and plain.

        Raises the AppErrors and OSErrors that :meth:`run_apart` raises, and Invalid for any other error: data that makes
        a library fail in a new way is refused, not a fault of the request's handling.
        """
        try:
            if await asyncio.to_thread(is_small, upload):
                return await self.run(function, upload, *args, lane="small", **named)
            return await self.run_apart(owner, function, upload, *args, **named)
        except (AppError, OSError):
            raise
        except Exception as error:
            log.exception("upload_unreadable", form=upload.format)
            raise Invalid(_UNREADABLE.format(upload.format)) from error

    async def run_apart(
        self, owner: str, function: Callable[..., T], *args: Any, **named: Any
    ) -> T:
        """Call ``function(cursor, …)`` in a child with an engine of its own.

        Two calls run at a time; the turns are fair between owners (workspaces). Arguments and result are copied.

        Raises what the function raises; Invalid if it needs too much memory or time; InsufficientStorage if the disk
        is full.
        """
        call = self._call(function, args, named)
        async with self._apart.slot(owner):
            result: T = await call_apart(call)
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


async def _stop(work: asyncio.Future[Any], cursor: Cursor) -> None:
    """Interrupt until the thread has ended: a query that starts after one interrupt needs another."""
    while not work.done():
        cursor.interrupt()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([work], timeout=0.05)
    if not work.cancelled():
        work.exception()  # retrieved, or asyncio logs it as never retrieved
