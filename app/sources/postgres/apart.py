"""Reading in a process of its own: what a server sends is taken apart by native code, which it must not bring down here.

A server of somebody's choosing was seen to end the whole process with a few bytes of its own (a segmentation fault in
the driver), and its rows can be as large as it likes. So neither the API nor a worker speaks with it.
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
from app.core.logging import get_logger
from app.sources.postgres.failures import QueryRejected, away
from app.sources.postgres.parquet import remove
from app.sources.postgres.reader import CHECK_SECONDS, ReadLimits, ReadStats, SourceCheck
from app.sources.postgres.settings import PostgresSource

log = get_logger(__name__)

_GRACE = 15.0  # seconds beyond its own deadline, for its start and its end
_ENDING = 8.0  # seconds to cancel the query at the server
_LONGEST_LINE = 16 * 1024 * 1024  # a check of very many columns
_COMMAND = (sys.executable, "-B", "-P", "-m", "app.sources.postgres.child")
_KEPT = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # of our environment: which authorities are trusted
_ERRORS: Final = {
    kind.__name__: kind
    for kind in (AuthenticationRejected, ConfigurationRejected, AddressRefused, QueryRejected)
}


async def read(
    source: PostgresSource,
    sql: str,
    as_of: datetime,
    out: Path,
    *,
    policy: OutboundPolicy,
    limits: ReadLimits,
    progress: Callable[[int, int], None] = lambda _rows, _bytes: None,
) -> ReadStats:
    """As ``reader.read``, in a process of its own; where it fails nothing is left of ``out``."""
    job = {"sql": sql, "as_of": as_of, "out": out, "limits": limits}
    try:
        found = await _done(source, policy, job, limits.time.total_seconds(), progress)
    except BaseException:
        remove(out)
        raise
    return ReadStats(**{**found, "moment": datetime.fromisoformat(found["moment"])})


async def check(source: PostgresSource, as_of: datetime, *, policy: OutboundPolicy) -> SourceCheck:
    """As ``reader.check``, in a process of its own."""
    return SourceCheck(**await _done(source, policy, {"as_of": as_of}, CHECK_SECONDS))


async def _done(
    source: PostgresSource,
    policy: OutboundPolicy,
    job: Mapping[str, Any],
    seconds: float,
    progress: Callable[[int, int], None] = lambda _rows, _bytes: None,
) -> dict[str, Any]:
    """What the process found; its ConnectorErrors, and OSError where our own disk is at fault."""
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
            last = await _heard(child, {**job, "source": source, "policy": policy}, progress)
    except TimeoutError:
        raise QueryRejected(f"{source.place} took too long and was stopped.") from None
    finally:
        await _end(child)
    if "found" in last:
        found: dict[str, Any] = last["found"]
        return found
    raise _failure(last, source)


async def _heard(
    child: Process, job: Mapping[str, Any], progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """The last line that the process wrote; empty where it ended without one."""
    stdin, stdout = child.stdin, child.stdout
    if stdin is None or stdout is None:
        raise RuntimeError("the process was started without pipes")
    with contextlib.suppress(ConnectionError):
        stdin.write(pickle.dumps(job))  # it stays open: its end tells that we are gone
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
            return known(message, code=code) if known else away(message)
        case {"storage": [number, words]}:
            return OSError(number, words)
        case {"fault": words}:
            log.error("reading_broke", place=source.place, error=words)
            return away(f"{source.place} answered what PostgreSQL does not")
        case _:
            return QueryRejected(
                f"Reading from {source.place} broke off: a row needs more memory than there is for it, or what "
                "answers there is no PostgreSQL."
            )


async def _end(child: Process) -> None:
    """Let it cancel its query at the server; where that takes long, or we are in a hurry, kill it."""
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
    """Nothing of ours but where the code is, and the authorities."""
    code = str(Path(app.__file__).parent.parent)
    ours = os.environ  # noqa: TID251  (OpenSSL's, not settings of ours)
    return {"PYTHONPATH": code, **{name: ours[name] for name in _KEPT if name in ours}}
