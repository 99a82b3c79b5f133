"""One read of a database: what a statement returns, and its rows. All that ``reader`` needs of a kind of database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from app.core.threads import in_thread
from app.sources.postgres.clock_check import refuse_clock_texts
from app.sources.postgres.columns import Column, columns_of, select
from app.sources.postgres.connection import Connection
from app.sources.postgres.copy_rows import copy_rows
from app.sources.postgres.failures import connector_errors
from app.sources.postgres.rows import read_batch
from app.sources.postgres.settings import PostgresSource
from app.sources.postgres.statement import Statement


class Session:
    """Statements over one connection, which sees one snapshot. A stream that is closed early is cancelled at the server."""

    def __init__(self, connection: Connection, source: PostgresSource) -> None:
        self._connection = connection
        self._source = source

    async def moment(self) -> datetime:
        """Return the time of the snapshot (aware)."""
        with connector_errors(self._source):
            found: datetime = await self._connection.fetchval("SELECT transaction_timestamp()")
        return found

    async def describe(self, statement: Statement) -> list[Column]:
        """Return the columns of the unchanged text: it must be a complete statement before it becomes a subquery.

        Raises QueryRejected if the server refuses it, or if it depends on when it runs.
        """
        with connector_errors(self._source, statement):
            prepared = await self._connection.prepare(statement.sql)
        with connector_errors(self._source):
            await refuse_clock_texts(self._connection, statement)
        return columns_of(prepared.get_attributes())

    async def plan(self, statement: Statement, columns: Sequence[Column], as_of: datetime) -> None:
        """Let the server plan it, which also checks the privileges of the role."""
        with connector_errors(self._source):
            await self._connection.fetch(f"EXPLAIN {_sql(statement, columns, as_of)}")

    async def stream(
        self, statement: Statement, columns: Sequence[Column], as_of: datetime
    ) -> AsyncGenerator[Any, None]:
        """Yield the rows as record batches of Arrow, of some megabytes. To be closed (``aclosing``), which cancels it."""
        sql = _sql(statement, columns, as_of)
        async with aclosing(copy_rows(self._connection, self._source, sql)) as pieces:
            async for piece in pieces:
                with connector_errors(self._source):
                    batch = await in_thread(read_batch, columns, piece)
                yield batch


def _sql(statement: Statement, columns: Sequence[Column], as_of: datetime) -> str:
    moment = as_of.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    return select(columns, statement.at(moment))
