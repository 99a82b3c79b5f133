"""Work on what a user supplied, in a child with an engine of its own: see ``Engine.run_apart``."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
from pydantic import ByteSize, TypeAdapter

from app.core.disk_reserve import disk_full, is_full, stopped_when_full
from app.core.errors import Invalid
from app.processes import ChildEnded, Job, Limits, call_in_child
from app.snapshots.engine.connections import bounded, open_instance
from app.snapshots.engine.faults import TooMuchMemory
from app.snapshots.engine.inputs import Upload
from app.snapshots.engine.sql import Cursor

DEADLINE = timedelta(minutes=10)
_MORE_MEMORY = (
    512 * 1024**2
)  # bytes, for Python and what libraries keep outside of the engine's limit
_TOO_MUCH = (
    "The data needs more memory than the service has for one upload: it has very many columns, very long values, or "
    "values that are deeply nested."
)
_KILLED = f"Reading the data ended its process twice. Most likely: {_TOO_MUCH}"
_NO_MEMORY = (MemoryError, duckdb.OutOfMemoryException)
_READY: list[Cursor] = []  # in a child: the engine that it opened before its call


@dataclass(frozen=True, slots=True)
class Call:
    """A call ``function(cursor, *args, **named)``, and the engine that it gets."""

    function: Callable[..., Any]
    args: Sequence[Any]
    named: Mapping[str, Any]
    memory: str
    threads: int
    scratch: Path
    readable: Sequence[Path]


async def call_apart(call: Call, memory: str) -> Any:
    """Return the result of a call that runs in a child, with so much memory for its engine.

    If that is too little, a new child makes the call again with all of the memory, and reads its uploads with less. Raises
    what the function raises; Invalid if it needs too much memory or time; InsufficientStorage if the disk is full.
    """
    try:
        return await _call(replace(call, memory=memory))
    except TooMuchMemory:
        return await _call(_frugal(call))


def _frugal(call: Call) -> Call:
    """Return a call that reads its uploads with less memory."""
    args = [replace(one, frugal=True) if isinstance(one, Upload) else one for one in call.args]
    return replace(call, args=args, threads=1)


async def _call(call: Call) -> Any:
    memory = TypeAdapter(ByteSize).validate_python(call.memory)
    limits = Limits(
        data_bytes=memory + _MORE_MEMORY,
        seconds=int(DEADLINE.total_seconds()) * call.threads,
    )
    spill = Path(tempfile.mkdtemp(prefix="apart-", dir=call.scratch))
    job = Job(
        f"{__name__}:{do_call.__name__}",
        (call, spill),
        limits,
        preload=call.function.__module__,
        ahead=True,
    )
    try:
        return await call_in_child(job, deadline=DEADLINE)
    except ChildEnded as ended:
        raise Invalid(_KILLED if ended.by_signal else _TOO_MUCH) from None
    except _NO_MEMORY:
        raise TooMuchMemory(_TOO_MUCH) from None
    except TimeoutError:
        minutes = DEADLINE.total_seconds() / 60
        raise Invalid(f"Reading the data took longer than {minutes:g} minutes.") from None
    finally:
        await asyncio.to_thread(_tidy, call, spill)


def _tidy(call: Call, spill: Path) -> None:
    """Remove what a child that was killed has left: spilled data, and files beside those that it was to write."""
    shutil.rmtree(spill, ignore_errors=True)
    for path in call.args:
        if isinstance(path, Path):
            for left in path.parent.glob(f"{path.name}.*"):
                left.unlink(missing_ok=True)


def before_job() -> None:
    """Open an engine, in a child that waits for its call."""
    _READY.append(open_instance())


def do_call(_: BinaryIO, job: tuple[Call, Path]) -> Any:
    """Do a call, in the child; spilled data goes to the folder beside it.

    Raises what the function raises, and InsufficientStorage.
    """
    call, spill = job
    opened = _READY.pop() if _READY else open_instance()
    folders = [call.scratch, *call.readable]
    connection = bounded(opened, call.memory, call.threads, spill, folders)
    cursor = connection.cursor()
    signal.signal(signal.SIGUSR1, _stop)

    def stop() -> None:
        cursor.interrupt()  # a query of the engine
        os.kill(os.getpid(), signal.SIGUSR1)  # Python, also between two queries

    try:
        with stopped_when_full(spill, stop):
            return call.function(cursor, *call.args, **call.named)
    except duckdb.Error as error:
        raise disk_full() if is_full(error) else error from None


def _stop(*_: object) -> None:
    signal.signal(
        signal.SIGUSR1, signal.SIG_IGN
    )  # once is enough; the report must not be interrupted
    raise disk_full()
