"""The embedded engine: one instance for each process, with threads in a heavy and a small lane."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import duckdb

from app.core.ids import new_id
from app.snapshots.engine.canonical_json import canonical_json
from app.snapshots.engine.identifier_functions import add_identifier_functions
from app.snapshots.engine.sql import Cursor

Lane = Literal["heavy", "small"]

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
        self._connection = connect(memory, threads, self._scratch, readable)
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
        OSError with ENOSPC if the disk is full.
        """
        async with self._lanes[lane]:
            cursor = self._connection.cursor()
            work = asyncio.ensure_future(asyncio.to_thread(function, cursor, *args, **named))
            try:
                return await asyncio.shield(work)
            except duckdb.Error as error:
                if is_full(error):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
                raise
            except asyncio.CancelledError:
                await _stop(work, cursor)
                raise
            finally:
                cursor.close()

    def close(self) -> None:
        """Close the instance and delete the scratch folder."""
        self._connection.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


def is_lasting_fault(error: Exception) -> bool:
    """Return whether the engine fails again with the same input. A full disk, little memory and an interrupt can pass."""
    can_pass = duckdb.OperationalError | duckdb.InterruptException
    return isinstance(error, duckdb.Error) and not isinstance(error, can_pass)


def is_full(error: duckdb.Error) -> bool:
    """Return whether the engine could not write because the disk is full."""
    text = str(error)
    return os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text


async def _stop(work: asyncio.Future[Any], cursor: Cursor) -> None:
    """Interrupt until the thread has ended: a query that starts after one interrupt needs another."""
    while not work.done():
        cursor.interrupt()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([work], timeout=0.05)
    if not work.cancelled():
        work.exception()  # retrieved, or asyncio logs it as never retrieved


def connect(memory: str, threads: int, scratch: Path, readable: Sequence[Path] = ()) -> Cursor:
    """Open a DuckDB instance; see ``Engine`` for the parameters."""
    spill = scratch / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory,
            "threads": str(threads),
            "temp_directory": str(spill),
            "preserve_insertion_order": "false",
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "allow_community_extensions": "false",
        },
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.create_function("canonical_json", canonical_json, ["VARCHAR"], "VARCHAR")
    add_identifier_functions(connection)
    if readable:
        folders = [str(folder.resolve()) for folder in (scratch, *readable)]
        connection.execute("SET allowed_directories = $folders", {"folders": folders})
        connection.execute("SET enable_external_access = false")
    return connection
