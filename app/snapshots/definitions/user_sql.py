"""Running users' SQL: each definition in a process of its own, which is killed at its deadline.

Measured before it was built so: one query took 5.8 GB under the engine's own limit of 256 MB and could not be
interrupted. So the worker's engine never sees a user's query.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.snapshots.definitions.definition_check import check_definition, without_semicolon

__all__ = ["DefinitionFailed", "check_definition", "run_definition"]

_CHILD = Path(__file__).with_name("user_sql_child.py")
_MAX_ERROR = 64 * 1024


class DefinitionFailed(Exception):
    """A definition gave no result; the message says why, in words for whoever wrote it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


async def run_definition(
    sql: str,
    datasets: Mapping[str, Path],
    as_of: datetime,
    out: Path,
    *,
    memory_bytes: int,
    timeout: timedelta,  # noqa: ASYNC109  (the deadline of the process, not of the caller)
    limit: int | None = None,
) -> None:
    """Write the rows of a definition to ``out`` as Parquet.

    ``datasets``: names and the local Parquet files that the query sees under them. ``as_of`` (aware) becomes the
    parameter ``$as_of``. ``limit``: rows at the most, for previews. DefinitionFailed for whatever is wrong with the
    query, its need of memory and time included. A cancelled caller kills the process and waits for its end.
    """
    if problems := await asyncio.to_thread(check_definition, sql, datasets):
        raise DefinitionFailed(problems[0].message)
    job = {
        "sql": await asyncio.to_thread(without_semicolon, sql),
        "datasets": {name: str(path.resolve()) for name, path in datasets.items()},
        "as_of": as_of.astimezone(UTC).replace(tzinfo=None).isoformat(),
        "memory": memory_bytes,
        "seconds": math.ceil(timeout.total_seconds()),
        "limit": limit,
    }
    child = await asyncio.to_thread(_start)
    work = asyncio.ensure_future(asyncio.to_thread(_collect, child, job, out))
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await asyncio.shield(work)
    except TimeoutError:
        raise DefinitionFailed(
            f"The query ran longer than {_shown(timeout)} and was stopped."
        ) from None
    finally:
        _kill(child)
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        work.exception()  # where it matters it has been raised already


def _shown(timeout: timedelta) -> str:
    seconds = timeout.total_seconds()
    return f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  (our own file, by our own interpreter)
        [sys.executable, "-I", "-B", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        close_fds=True,
        start_new_session=True,
    )


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _collect(child: subprocess.Popen[bytes], job: Mapping[str, Any], out: Path) -> None:
    """Hand the job over and write what comes back; blocks until the process has ended."""
    with child:
        stdin, stdout, stderr = child.stdin, child.stdout, child.stderr
        if stdin is None or stdout is None or stderr is None:
            raise RuntimeError("the child was started without pipes")
        # The pipe stays open, for its end tells the child that we are gone; nothing is left in a buffer.
        with contextlib.suppress(BrokenPipeError):
            _send(stdin.fileno(), json.dumps(job).encode() + b"\n")
        whole = True
        try:
            _write(stdout, out)
        except (pa.ArrowException, OSError):  # an end in the middle; the process says why
            whole = False
            stdout.close()
        told = stderr.read(_MAX_ERROR)
        code = child.wait()
    if code != 0 or not whole:
        out.unlink(missing_ok=True)
        raise DefinitionFailed(_reason(code, told))


def _send(pipe: int, line: bytes) -> None:
    left = memoryview(line)
    while left:
        left = left[os.write(pipe, left) :]


def _write(stream: Any, out: Path) -> None:
    with (
        pa.ipc.open_stream(stream) as reader,
        pq.ParquetWriter(out, reader.schema, compression="zstd") as writer,
    ):
        for batch in reader:
            batch.validate(full=True)
            writer.write_batch(batch)


def _reason(code: int, told: bytes) -> str:
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(told)["error"])
    if code == -signal.SIGXCPU:
        return "The query used more processor time than a definition may."
    if (
        code in {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS}
        or b"memory" in told.lower()
    ):
        return "The query was stopped: it needs more memory than a definition may use."
    return "The query ended without a result."
