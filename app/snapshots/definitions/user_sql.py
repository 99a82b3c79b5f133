"""Users' SQL: each definition runs in a separate process, which is killed at its deadline.

The reason is a measurement: under the engine's limit of 256 MB, one query took 5.8 GB and could not be interrupted. So
the worker's engine never runs a user's query.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.processes import ChildEnded, ChildFailed, Job, Limits, run_in_thread
from app.snapshots.definitions import user_sql_child
from app.snapshots.definitions.definition_check import check_definition
from app.snapshots.definitions.row_order import analyse_order
from app.snapshots.definitions.syntax import without_semicolon
from app.snapshots.definitions.user_sql_process import (
    DefinitionFailed,
    ResultLimits,
    collect_rows,
    reason_of,
)

_MORE_MEMORY = 512 * 1024**2  # bytes, for what is outside of the engine's limit


async def run_definition(
    sql: str,
    datasets: Mapping[str, Path],
    as_of: datetime,
    out: Path,
    *,
    memory_bytes: int,
    timeout: timedelta,  # noqa: ASYNC109  (the deadline of the process, not of the caller)
    limit: int | None = None,
    largest: ResultLimits | None = None,
) -> None:
    """Write the rows of a definition to ``out`` as Parquet.

    ``datasets`` maps the names that the query sees to local Parquet files. ``as_of`` (aware) becomes the parameter
    ``$as_of``. ``limit`` is the maximum number of rows, for previews, and ``largest`` what the
    result may have. A cancelled caller kills the process and waits for its end.

    Raises:
        DefinitionFailed: the query has a problem, fails, needs too much memory or time, or gives too much.
        InsufficientStorage: the disk is full.
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
        "limit": limit,
    }
    await _run(job, out, timeout, largest or ResultLimits())


async def _run(
    job: Mapping[str, Any], out: Path, deadline: timedelta, largest: ResultLimits
) -> None:
    seconds = math.ceil(deadline.total_seconds())
    limits = Limits(
        data_bytes=job["memory"] + _MORE_MEMORY,
        seconds=seconds * 2 + 2,  # on up to two threads
        file_bytes=0,
        files=128,
    )
    child_job = Job(
        f"{user_sql_child.__name__}:{user_sql_child.run_job.__name__}", job, limits, ahead=True
    )
    try:
        await run_in_thread(
            child_job, lambda child: collect_rows(child, out, largest), deadline=deadline
        )
    except ChildEnded as ended:
        raise DefinitionFailed(reason_of(ended)) from None
    except ChildFailed as error:
        raise DefinitionFailed(f"The query ended without a result: {error}.") from None
    except TimeoutError:
        raise DefinitionFailed(
            f"The query ran longer than {_shown(deadline)} and was stopped."
        ) from None


def _shown(timeout: timedelta) -> str:
    seconds = timeout.total_seconds()
    return f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"
