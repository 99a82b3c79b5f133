"""The embedded engine: one instance for a process, a lane for heavy work and one for small, in threads."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import duckdb

from app.core.ids import new_id
from app.snapshots.engine.canonical_json import canonical_json

Cursor = duckdb.DuckDBPyConnection
Lane = Literal["heavy", "small"]

T = TypeVar("T")


class Engine:
    """Runs blocking functions on cursors of one DuckDB instance.

    ``scratch`` is a local folder of this process alone: spilled data and files that are being made. ``readable``:
    further folders; where it is given, SQL can reach nothing but these and the scratch folder.
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
        """A fresh local path; whoever asks for it deletes the file."""
        return self._scratch / f"{new_id('tmp')}{suffix}"

    async def run(
        self,
        function: Callable[..., T],
        *args: Any,
        lane: Lane = "heavy",
        **named: Any,
    ) -> T:
        """Call ``function(cursor, …)`` in a thread, in a lane that runs one at a time.

        A cancelled task interrupts its query and waits for the thread: when the cancellation goes on, nothing runs.
        """
        async with self._lanes[lane]:
            cursor = self._connection.cursor()
            work = asyncio.ensure_future(asyncio.to_thread(function, cursor, *args, **named))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                await _stop(work, cursor)
                raise
            finally:
                cursor.close()

    def close(self) -> None:
        """End the instance and delete the scratch folder."""
        self._connection.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


async def _stop(work: asyncio.Future[Any], cursor: Cursor) -> None:
    """Interrupt until the thread is back: a query that starts after the first interrupt needs another."""
    while not work.done():
        cursor.interrupt()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([work], timeout=0.05)
    if not work.cancelled():
        work.exception()  # an interrupted query's error is nobody's concern


def connect(memory: str, threads: int, scratch: Path, readable: Sequence[Path] = ()) -> Cursor:
    """A DuckDB instance with our settings; see ``Engine``."""
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
    if readable:
        folders = [str(folder.resolve()) for folder in (scratch, *readable)]
        connection.execute("SET allowed_directories = $folders", {"folders": folders})
        connection.execute("SET enable_external_access = false")
    return connection
