"""The rows of a statement as the server's CSV, in pieces of whole rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import TypeAlias

from app.sources.postgres.connection import Connection
from app.sources.postgres.failures import connector_errors
from app.sources.postgres.intake import begin_step
from app.sources.postgres.settings import PostgresSource

Rows: TypeAlias = bytes | bytearray

# Bytes of the first piece, so that progress and limits are early. Each further one is twice as large.
_FIRST = 4 * 1024
_MOST = 4 * 1024**2
_SECONDS = 1.0  # from one piece to the next, of a server that is slow: progress is seen
_LARGE = 8 * 1024**2  # a piece as large as this one is used before more is received


async def copy_rows(
    connection: Connection, source: PostgresSource, sql: str
) -> AsyncGenerator[Rows, None]:
    """Yield the rows of a SELECT. The next piece is received while one is used. To be closed, which cancels the query.

    The server gets one statement: COPY is sent as simple text, so it is prepared before, which accepts no second one.
    """
    with connector_errors(source):
        await connection.prepare(f"COPY ({sql}) TO STDOUT (FORMAT csv)")
    pieces = _Pieces(connection)
    begin_step(connection)
    copying = asyncio.ensure_future(
        connection.copy_from_query(sql, output=pieces.take, format="csv")
    )
    copying.add_done_callback(pieces.end)
    try:
        while piece := await pieces.ready.get():
            yield piece
            pieces.room.release()
        with connector_errors(source):
            await copying
    finally:
        copying.cancel()
        await asyncio.wait([copying])


class _Pieces:
    """Gathers what is received until it is whole rows. ``ready`` ends with an empty piece."""

    def __init__(self, connection: Connection) -> None:
        self.ready: asyncio.Queue[Rows] = asyncio.Queue()
        self.room = asyncio.Semaphore(1)
        self._connection = connection
        self._parts: list[Rows] = []
        self._size = self._quotes = 0
        self._wanted = _FIRST
        self._given = time.monotonic()

    async def take(self, data: Rows) -> None:
        """Take what the driver received: usually whole rows. The driver receives no more until this returns."""
        if len(data) >= _LARGE and self._parts and self._is_whole():
            await self._give()  # so that it is not copied
        self._parts.append(data)
        self._size += len(data)
        self._quotes += data.count(b'"')
        if self._is_due() and self._is_whole():
            self._wanted = min(self._wanted * 2, _MOST)
            await self._give()

    async def _give(self) -> None:
        """Give a piece as soon as the one before is used."""
        await self.room.acquire()
        size = self._size
        self._add()
        self._given = time.monotonic()
        if size >= _LARGE:
            await self.room.acquire()
            self.room.release()
        begin_step(self._connection)

    def end(self, copying: asyncio.Future[str]) -> None:
        """Give what is left, unless the server did not end it."""
        if self._parts and not copying.cancelled() and copying.exception() is None:
            self._add()
        self.ready.put_nowait(b"")

    def _is_due(self) -> bool:
        return self._size >= self._wanted or time.monotonic() - self._given > _SECONDS

    def _is_whole(self) -> bool:
        """Report whether a row ends here: a line break within a value has an odd number of quotes before it."""
        return self._quotes % 2 == 0 and self._parts[-1].endswith(b"\n")

    def _add(self) -> None:
        one = len(self._parts) == 1
        self.ready.put_nowait(self._parts[0] if one else b"".join(self._parts))
        self._parts, self._size, self._quotes = [], 0, 0
