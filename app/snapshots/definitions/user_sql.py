"""Users' SQL: each definition runs in a separate process, which is killed at its deadline.

The reason is a measurement: under the engine's limit of 256 MB, one query took 5.8 GB and could not be interrupted. So
the worker's engine never runs a user's query.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.snapshots.definitions.definition_check import check_definition
from app.snapshots.definitions.row_order import analyse_order
from app.snapshots.definitions.syntax import without_semicolon
from app.snapshots.definitions.user_sql_process import (
    DefinitionFailed,
    collect_rows,
    kill_process,
    start_process,
)


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

    ``datasets`` maps the names that the query sees to local Parquet files. ``as_of`` (aware) becomes the parameter
    ``$as_of``. ``limit`` is the maximum number of rows, for previews. A cancelled caller kills the process and waits for
    its end.

    Raises:
        DefinitionFailed: the query has a problem, fails, or needs too much memory or time.
    """
    if problems := await asyncio.to_thread(check_definition, sql, datasets):
        raise DefinitionFailed(problems[0].message)
    query = await asyncio.to_thread(without_semicolon, sql)
    order = await asyncio.to_thread(analyse_order, query, datasets)
    job = {
        "sql": query,
        "threads": 2 if order.independent else 1,
        "datasets": {name: str(path.resolve()) for name, path in datasets.items()},
        "as_of": as_of.astimezone(UTC).replace(tzinfo=None).isoformat(),
        "memory": memory_bytes,
        "seconds": math.ceil(timeout.total_seconds()),
        "limit": limit,
    }
    await _run(job, out, timeout)


async def _run(job: Mapping[str, Any], out: Path, deadline: timedelta) -> None:
    child = await _started()
    work = asyncio.ensure_future(asyncio.to_thread(collect_rows, child, job, out))
    try:
        async with asyncio.timeout(deadline.total_seconds()):
            await asyncio.shield(work)
    except TimeoutError:
        raise DefinitionFailed(
            f"The query ran longer than {_shown(deadline)} and was stopped."
        ) from None
    finally:
        kill_process(child)
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        work.exception()  # retrieved, or asyncio logs it as never retrieved


async def _started() -> subprocess.Popen[bytes]:
    """Start the process. If the caller is cancelled before it runs, kill it first: no other code knows of it."""
    starting = asyncio.ensure_future(asyncio.to_thread(start_process))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        while not starting.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([starting])
        with starting.result() as child:  # closes its pipes and waits for its end
            kill_process(child)
        raise


def _shown(timeout: timedelta) -> str:
    seconds = timeout.total_seconds()
    return f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"
