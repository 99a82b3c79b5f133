"""Reading from a user's PostgreSQL: rows streamed into a file, and a try that says what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from app.connectors.addresses import OutboundPolicy
from app.sources.postgres.columns import Column, columns_of, select
from app.sources.postgres.connection import Connection, reading
from app.sources.postgres.failures import QueryRejected, told
from app.sources.postgres.parquet import RowFile
from app.sources.postgres.settings import PostgresSource
from app.sources.postgres.statement import (
    Statement,
    StatementRejected,
    read_statement,
)

T = TypeVar("T")

_FIRST_ROWS = 50  # nobody knows yet how wide they are
_MOST_ROWS = 10_000
_FETCH_BYTES = (
    8 * 1024 * 1024
)  # aimed at: what is in memory at a time is this, and a group of the file
CHECK_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much may be read: rows, bytes as they are in memory, and time for all of it."""

    rows: int
    bytes: int
    time: timedelta


@dataclass(frozen=True, slots=True)
class ReadStats:
    """What was read, and the moment of the database that was seen (aware)."""

    rows: int
    bytes: int
    columns: dict[str, str]  # in the engine's types
    moment: datetime


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """What a try of a source found."""

    message: str
    columns: dict[str, str] | None = None
    warnings: Sequence[str] = field(default=())


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
    """Stream the rows of a SELECT into a Parquet file; memory stays flat.

    ``as_of`` (aware) becomes ``$as_of``. ``progress`` is told rows and bytes so far. Raises TransientFailure where the
    database is away, AuthenticationRejected, ConfigurationRejected (of which QueryRejected). A cancelled caller
    cancels the query at the server.
    """
    statement = _statement(sql)
    seconds = limits.time.total_seconds()
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline, reading(source, policy, statement_seconds=seconds) as connection:
            columns = await _columns(connection, source, statement)
            with told(source):
                moment = await connection.fetchval("SELECT transaction_timestamp()")
            file = RowFile(out, columns)
            try:
                await _stream(connection, source, statement, columns, as_of, file, limits, progress)
                await _in_thread(file.close)
            except BaseException:
                await _in_thread(file.abandon)
                raise
    except TimeoutError:
        if not deadline.expired():
            raise
        raise QueryRejected(
            f"{source.place} took longer than {seconds:.0f} seconds and was stopped."
        ) from None
    kinds = {column.name: column.engine_type for column in columns}
    return ReadStats(file.rows, file.bytes, kinds, moment)


def _statement(sql: str) -> Statement:
    try:
        return read_statement(sql)
    except StatementRejected as error:
        raise QueryRejected("; ".join(error.reasons)) from None


async def _columns(
    connection: Connection, source: PostgresSource, statement: Statement
) -> list[Column]:
    """The columns of the text as it stands: it must be a statement by itself before it becomes a part of another."""
    with told(source, statement):
        prepared = await connection.prepare(statement.sql)
    return columns_of(prepared.get_attributes())


async def _stream(
    connection: Connection,
    source: PostgresSource,
    statement: Statement,
    columns: Sequence[Column],
    as_of: datetime,
    file: RowFile,
    limits: ReadLimits,
    progress: Callable[[int, int], None],
) -> None:
    with told(source):
        cursor = await connection.cursor(
            select(columns, statement.sql), *_arguments(statement, as_of)
        )
    wanted = _FIRST_ROWS
    while True:
        with told(source):
            rows = await cursor.fetch(wanted)
        if not rows:
            return
        size = await _in_thread(file.add, rows)
        if file.rows > limits.rows or file.bytes > limits.bytes:
            raise QueryRejected(
                f"The query gives more than may be read ({limits.rows:,} rows, {limits.bytes:,} bytes); select less, "
                "or let the definition run in the database."
            )
        progress(file.rows, file.bytes)
        # The next ones by the size of these: rows may be wide.
        wanted = max(1, min(_MOST_ROWS, wanted * 4, len(rows) * _FETCH_BYTES // max(size, 1)))


async def _in_thread(function: Callable[..., T], *args: Any) -> T:
    """Call it in a thread; a cancelled caller waits for its end, so that nobody writes to what is being closed."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *args))
    try:
        return await asyncio.shield(work)
    finally:
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work])


def _arguments(statement: Statement, as_of: datetime) -> list[datetime]:
    return [as_of.astimezone(UTC).replace(tzinfo=None)] if statement.parameters else []


async def check(source: PostgresSource, as_of: datetime, *, policy: OutboundPolicy) -> SourceCheck:
    """Try a source now: connect, and plan what it reads without reading it. ConnectorErrors say what is wrong."""
    statement = _statement(source.sql) if source.sql is not None else None
    try:
        async with (
            asyncio.timeout(CHECK_SECONDS),
            reading(source, policy, statement_seconds=CHECK_SECONDS) as connection,
        ):
            with told(source):
                warnings = await _warnings(connection, source)
                version = await connection.fetchval("SHOW server_version")
            message = f"PostgreSQL {version} at {source.place} answers."
            if statement is None:
                return SourceCheck(message, None, warnings)
            columns = await _columns(connection, source, statement)
            # Planning also asks for the role's rights, which reading would be the first to miss.
            with told(source):
                await connection.fetch(
                    f"EXPLAIN {select(columns, statement.sql)}", *_arguments(statement, as_of)
                )
    except TimeoutError:
        raise QueryRejected(f"{source.place} did not finish within {CHECK_SECONDS:g} s.") from None
    kinds = {column.name: column.engine_type for column in columns}
    return SourceCheck(message, kinds, warnings)


async def _warnings(connection: Connection, source: PostgresSource) -> list[str]:
    found = []
    if await connection.fetchval(
        "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
    ):
        found.append(
            f"{source.user} is a superuser there; use a role that may only read what audiences need."
        )
    if source.ssl_mode == "disable":
        found.append("Without TLS the password and the data can be read on the way.")
    elif source.ssl_mode == "require" and source.ca_certificate is None:
        found.append("sslMode require encrypts, but does not tell the server from an impostor.")
    return found
