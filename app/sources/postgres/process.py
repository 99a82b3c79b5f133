"""Reads a user's database in a child process, because a hostile server can crash the process that reads from it.

The driver and the file writer are native code: a server ended the whole process with a few bytes (a segmentation fault
in the driver), and its rows can be of any size. So neither the API nor a worker connects to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

import app
from app.connectors.addresses import AddressRefused, OutboundPolicy
from app.connectors.errors import AuthenticationRejected, ConfigurationRejected, ConnectorError
from app.sources.postgres.failures import QueryRejected, unavailable
from app.sources.postgres.parquet import remove
from app.sources.postgres.reader import CHECK_SECONDS, ReadLimits, ReadStats, SourceCheck
from app.sources.postgres.settings import PostgresSource

_GRACE = 15.0  # seconds after the deadline of the child, for its start and its end
_ENDING = 8.0  # seconds to cancel the query at the server
_LONGEST_LINE = 16 * 1024 * 1024  # a check of very many columns
_COMMAND = (sys.executable, "-B", "-P", "-m", "app.sources.postgres.child")
_KEPT = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # environment variables: the trusted authorities
_ERRORS: Final = {
    kind.__name__: kind
    for kind in (AuthenticationRejected, ConfigurationRejected, AddressRefused, QueryRejected)
}


async def read_rows(
    source: PostgresSource,
    sql: str,
    as_of: datetime,
    out: Path,
    *,
    policy: OutboundPolicy,
    limits: ReadLimits,
    progress: Callable[[int, int], None] = lambda _rows, _bytes: None,
) -> ReadStats:
    """Run ``reader.read_rows`` in a child process. If it fails, ``out`` is removed.

    Raises a ConnectorError, or OSError if the local disk is at fault.
    """
    job = {"sql": sql, "as_of": as_of, "out": out, "limits": limits}
    try:
        found = await _result(source, policy, job, limits.time.total_seconds(), progress)
    except BaseException:
        remove(out)
        raise
    return ReadStats(**{**found, "moment": datetime.fromisoformat(found["moment"])})


async def check_source(
    source: PostgresSource, as_of: datetime, *, policy: OutboundPolicy
) -> SourceCheck:
    """Run ``reader.check_source`` in a child process."""
    return SourceCheck(**await _result(source, policy, {"as_of": as_of}, CHECK_SECONDS))


async def _result(
    source: PostgresSource,
    policy: OutboundPolicy,
    job: Mapping[str, Any],
    seconds: float,
    progress: Callable[[int, int], None] = lambda _rows, _bytes: None,
) -> dict[str, Any]:
    """Return the result of the process. Raises its ConnectorError, or OSError if the local disk is at fault."""
    child = await asyncio.create_subprocess_exec(
        *_COMMAND,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        cwd="/",
        env=_environment(),
        start_new_session=True,
        limit=_LONGEST_LINE,
    )
    try:
        async with asyncio.timeout(seconds + _GRACE):
            last = await _last_line(child, {**job, "source": source, "policy": policy}, progress)
    except TimeoutError:
        raise QueryRejected(
            f"Reading from {source.server} took too long and was stopped."
        ) from None
    finally:
        await _end(child)
    if "found" in last:
        found: dict[str, Any] = last["found"]
        return found
    raise _failure(last, source)


async def _last_line(
    child: Process, job: Mapping[str, Any], progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Return the last line that the process wrote; empty if it wrote none."""
    stdin, stdout = child.stdin, child.stdout
    if stdin is None or stdout is None:
        raise RuntimeError("the process was started without pipes")
    with contextlib.suppress(ConnectionError):
        stdin.write(pickle.dumps(job))  # stays open: the child ends when it closes
        await stdin.drain()
    last: dict[str, Any] = {}
    async for line in stdout:
        last = orjson.loads(line)
        if "progress" in last:
            progress(*last["progress"])
    await child.wait()
    return last


def _failure(last: Mapping[str, Any], source: PostgresSource) -> Exception:
    match last:
        case {"error": {"kind": kind, "message": message, "code": code}}:
            known: type[ConnectorError] | None = _ERRORS.get(kind)
            return known(message, code=code) if known else unavailable(message)
        case {"storage": [number, words]}:
            return OSError(number, words)
        case {"fault": words}:
            _log_fault(source, words)
            return unavailable(f"{source.server} sent a response that is not PostgreSQL's")
        case _:
            return QueryRejected(
                f"Reading from {source.server} failed: a row needs more memory than is available, or the server is "
                "not PostgreSQL."
            )


def _log_fault(source: PostgresSource, words: str) -> None:
    # The child imports this package. Importing structlog would add a third of a second to each start.
    from app.core.logging import get_logger

    get_logger(__name__).error("source_read_failed", server=source.server, error=words)


async def _end(child: Process) -> None:
    """Let the child cancel its query at the server. Kill it if that takes long, or if this task is cancelled."""
    try:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            async with asyncio.timeout(_ENDING):
                await child.wait()
    except TimeoutError:
        pass
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


def _environment() -> dict[str, str]:
    """Return the environment of the child, by name: the path of the code, and the trusted authorities."""
    code = str(Path(app.__file__).parent.parent)
    outer = os.environ  # noqa: TID251  (settings of OpenSSL, not of this service)
    return {"PYTHONPATH": code, **{name: outer[name] for name in _KEPT if name in outer}}
