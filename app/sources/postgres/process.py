"""Reads a user's database in a child process, because a hostile server can crash the process that reads from it.

The driver and the file writer are native code: a server ended the whole process with a few bytes (a segmentation fault
in the driver), and its rows can be of any size. So neither the API nor a worker connects to it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from app.connectors.addresses import OutboundPolicy
from app.core.logging import get_logger
from app.processes import Child, ChildEnded, ChildFailed, Job, Limits, run_in_thread
from app.sources.postgres import child as child_module
from app.sources.postgres.child import ReadFailed
from app.sources.postgres.failures import QueryRejected, unavailable
from app.sources.postgres.parquet import remove
from app.sources.postgres.reader import CHECK_SECONDS, ReadLimits, ReadStats, SourceCheck
from app.sources.postgres.settings import PostgresSource

log = get_logger(__name__)

_GRACE = 15.0  # seconds after the deadline of the child, for its start and its end
_ENDING = 8.0  # seconds to cancel the query at the server
_MEMORY = 2 * 1024**3  # bytes of address space; a read uses a small part of it
_KEPT = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # environment variables: the trusted authorities


async def read_rows(
    source: PostgresSource,
    sql: str,
    as_of: datetime,
    out: Path,
    *,
    policy: OutboundPolicy,
    limits: ReadLimits,
    columns: frozenset[str] | None = None,
    progress: Callable[[int, int], None] = lambda _rows, _bytes: None,
) -> ReadStats:
    """Run ``reader.read_rows`` in a child process, for these columns (names in lower case; None: all). If it fails, ``out`` is
    removed.

    Raises a ConnectorError, or OSError if the local disk is at fault.
    """
    job = {"sql": sql, "as_of": as_of, "out": out, "limits": limits, "used": columns}
    try:
        found: ReadStats = await _result(source, policy, job, limits.time.total_seconds(), progress)
    except BaseException:
        remove(out)
        raise
    return found


async def check_source(
    source: PostgresSource, as_of: datetime, *, policy: OutboundPolicy
) -> SourceCheck:
    """Run ``reader.check_source`` in a child process."""
    found: SourceCheck = await _result(source, policy, {"as_of": as_of}, CHECK_SECONDS)
    return found


async def _result(
    source: PostgresSource,
    policy: OutboundPolicy,
    job: Mapping[str, Any],
    seconds: float,
    progress: Callable[[int, int], None] = lambda _rows, _bytes: None,
) -> Any:
    """Return the result of the child. Raises its ConnectorError, or OSError if the local disk is at fault."""
    loop = asyncio.get_running_loop()

    def read(child: Child) -> Any:
        for line in child.stream:
            loop.call_soon_threadsafe(progress, *orjson.loads(line))
        return child.finish()

    child_job = Job(
        f"{child_module.__name__}:{child_module.run_job.__name__}",
        {**job, "source": source, "policy": policy},
        Limits(space_bytes=_MEMORY),
        environment=_environment(),
        ending=_ENDING,
    )
    try:
        return await run_in_thread(child_job, read, deadline=timedelta(seconds=seconds + _GRACE))
    except TimeoutError:
        raise QueryRejected(
            f"Reading from {source.server} took too long and was stopped."
        ) from None
    except (ReadFailed, ChildFailed) as error:
        log.error("source_read_failed", server=source.server, error=str(error))
        raise unavailable(f"{source.server} sent a response that is not PostgreSQL's") from None
    except MemoryError:
        raise QueryRejected(
            f"Reading from {source.server} needs more memory than a read may use ({_MEMORY / 1024**3:g} GiB): a row is too "
            "large; leave out or shorten the longest column, for example with left(column, 1000)."
        ) from None
    except ChildEnded:
        raise QueryRejected(
            f"Reading from {source.server} failed twice: a row needs more memory than is available, or the server is "
            "not PostgreSQL."
        ) from None


def _environment() -> dict[str, str]:
    """Return the environment of the child, by name: the trusted authorities."""
    outer = os.environ  # noqa: TID251  (settings of OpenSSL, not of this service)
    return {name: outer[name] for name in _KEPT if name in outer}
