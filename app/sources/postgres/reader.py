"""Reads a user's PostgreSQL: streams rows into a file, and checks a source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from app.connectors.addresses import OutboundPolicy
from app.core.threads import in_thread
from app.sources.postgres.columns import Column
from app.sources.postgres.connection import Connection, read_only
from app.sources.postgres.failures import QueryRejected, connector_errors
from app.sources.postgres.parquet import RowFile
from app.sources.postgres.session import Session
from app.sources.postgres.settings import PostgresSource
from app.sources.postgres.statement import (
    Statement,
    StatementRejected,
    read_statement,
)

Progress: TypeAlias = Callable[[int, int], None]

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
    used: frozenset[str] | None = None,
    progress: Progress = lambda _rows, _bytes: None,
) -> ReadStats:
    """Stream the rows of a SELECT into a Parquet file; memory stays flat.

    ``as_of`` (aware) becomes ``$as_of``. ``used`` are the names of the columns to read, in lower case; others are not
    transferred. ``progress`` receives the rows and bytes so far. If the task is cancelled, the
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
            opened = Session(connection, source)
            columns = _used(await opened.describe(statement), used)
            moment = await opened.moment()
            file = RowFile(out, columns)
            try:
                await _write(opened.stream(statement, columns, as_of), file, limits, progress)
                await in_thread(file.close)
            except BaseException:
                await in_thread(file.abandon)
                raise
    except TimeoutError:
        if not deadline.expired():
            raise
        raise QueryRejected(
            f"{source.server} took longer than {seconds:.0f} seconds and was stopped."
        ) from None
    kinds = {column.name: column.engine_type for column in columns}
    return ReadStats(file.rows, file.bytes, kinds, moment)


def _used(columns: list[Column], names: frozenset[str] | None) -> list[Column]:
    """Return the columns with these names; the first column if there is none, because rows are counted."""
    if names is None:
        return columns
    return [column for column in columns if column.name.lower() in names] or columns[:1]


def _statement(sql: str) -> Statement:
    try:
        return read_statement(sql)
    except StatementRejected as error:
        raise QueryRejected("; ".join(error.reasons)) from None


async def _write(
    batches: AsyncGenerator[Any, None], file: RowFile, limits: ReadLimits, progress: Progress
) -> None:
    async with aclosing(batches):
        async for batch in batches:
            await in_thread(file.add, batch)
            if file.rows > limits.rows or file.bytes > limits.bytes:
                raise QueryRejected(
                    f"The query returns more than the limit ({limits.rows:,} rows, {limits.bytes:,} bytes); select less, "
                    "or let the definition run in the database."
                )
            progress(file.rows, file.bytes)


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
            opened = Session(connection, source)
            columns = await opened.describe(statement)
            # Planning also checks the privileges of the role, which otherwise only reading would do.
            await opened.plan(statement, columns, as_of)
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
