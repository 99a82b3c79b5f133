"""Reads a user's PostgreSQL: streams rows into a file, and checks a source."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from app.connectors.addresses import OutboundPolicy
from app.sources.postgres.clock_check import refuse_clock_texts
from app.sources.postgres.columns import Column, columns_of, select
from app.sources.postgres.connection import Connection, read_only
from app.sources.postgres.failures import QueryRejected, connector_errors
from app.sources.postgres.intake import begin_step
from app.sources.postgres.parquet import RowFile
from app.sources.postgres.settings import PostgresSource
from app.sources.postgres.statement import (
    Statement,
    StatementRejected,
    read_statement,
)

T = TypeVar("T")

_FIRST_ROWS = 4  # the width of the rows is not known yet
_MOST_ROWS = 10_000
_FETCH_BYTES = (
    8 * 1024 * 1024
)  # target of one fetch; memory holds one fetch and one group of the file
CHECK_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The most that one read may use: rows, bytes in memory, and time."""

    rows: int
    bytes: int
    time: timedelta


@dataclass(frozen=True, slots=True)
class ReadStats:
    """The amount that was read, and the time of the database's snapshot (aware)."""

    rows: int
    bytes: int
    columns: dict[str, str]  # types of the embedded engine
    moment: datetime


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """The result of checking a source."""

    message: str
    columns: dict[str, str] | None = None
    warnings: Sequence[str] = field(default=())


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
    """Stream the rows of a SELECT into a Parquet file; memory stays flat.

    ``as_of`` (aware) becomes ``$as_of``. ``progress`` receives the rows and bytes so far. If the task is cancelled, the
    query is cancelled at the server.

    Raises:
        TransientFailure: The database is not reachable.
        AuthenticationRejected: The database refused the login.
        ConfigurationRejected: The settings are wrong; QueryRejected if the query is wrong or exceeds a limit.
    """
    statement = _statement(sql)
    seconds = limits.time.total_seconds()
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline, read_only(source, policy, statement_seconds=seconds) as connection:
            columns = await _columns(connection, source, statement)
            with connector_errors(source):
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
            f"{source.server} took longer than {seconds:.0f} seconds and was stopped."
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
    """Return the columns of the unchanged text: it must be a complete statement before it becomes a subquery."""
    with connector_errors(source, statement):
        prepared = await connection.prepare(statement.sql)
    with connector_errors(source):
        await refuse_clock_texts(connection, statement)
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
    with connector_errors(source):
        cursor = await connection.cursor(
            select(columns, statement.sql), *_arguments(statement, as_of)
        )
    wanted = _FIRST_ROWS
    while True:
        begin_step(connection)
        with connector_errors(source):
            rows = await cursor.fetch(wanted)
        if not rows:
            return
        size = await _in_thread(file.add, rows)
        if file.rows > limits.rows or file.bytes > limits.bytes:
            raise QueryRejected(
                f"The query returns more than the limit ({limits.rows:,} rows, {limits.bytes:,} bytes); select less, "
                "or let the definition run in the database."
            )
        progress(file.rows, file.bytes)
        # The next fetch follows the size of this one: rows can be wide.
        wanted = max(1, min(_MOST_ROWS, wanted * 4, len(rows) * _FETCH_BYTES // max(size, 1)))


async def _in_thread(function: Callable[..., T], *args: Any) -> T:
    """Call it in a thread. A cancelled caller waits for its end, so that no thread writes to a file being closed."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *args))
    try:
        return await asyncio.shield(work)
    finally:
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work])


def _arguments(statement: Statement, as_of: datetime) -> list[datetime]:
    return [as_of.astimezone(UTC).replace(tzinfo=None)] if statement.parameters else []


async def check_source(
    source: PostgresSource, as_of: datetime, *, policy: OutboundPolicy
) -> SourceCheck:
    """Check a source: connect, and plan its query without running it.

    Raises a ConnectorError with the reason if it fails; QueryRejected if it takes longer than 20 seconds.
    """
    statement = _statement(source.sql) if source.sql is not None else None
    try:
        async with (
            asyncio.timeout(CHECK_SECONDS),
            read_only(source, policy, statement_seconds=CHECK_SECONDS) as connection,
        ):
            with connector_errors(source):
                warnings = await _warnings(connection, source)
                version = await connection.fetchval("SHOW server_version")
            message = f"PostgreSQL {version} at {source.server} responds."
            if statement is None:
                return SourceCheck(message, None, warnings)
            columns = await _columns(connection, source, statement)
            # Planning also checks the privileges of the role, which otherwise only reading would do.
            with connector_errors(source):
                await connection.fetch(
                    f"EXPLAIN {select(columns, statement.sql)}", *_arguments(statement, as_of)
                )
    except TimeoutError:
        raise QueryRejected(f"{source.server} did not finish within {CHECK_SECONDS:g} s.") from None
    kinds = {column.name: column.engine_type for column in columns}
    return SourceCheck(message, kinds, warnings)


async def _warnings(connection: Connection, source: PostgresSource) -> list[str]:
    found = []
    if await connection.fetchval(
        "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
    ):
        found.append(
            f"{source.user} is a superuser; use a role that may only read the data that audiences need."
        )
    if source.ssl_mode == "disable":
        found.append("Without TLS the password and the data travel unencrypted.")
    elif source.ssl_mode == "require" and source.ca_certificate is None:
        found.append("sslMode require encrypts, but does not detect an impostor.")
    return found
