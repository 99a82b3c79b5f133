"""Streamed bodies: the work on an upload stops when its client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


class StreamedBody:
    """The body of a request, and the work on it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._complete = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes in. Raises ClientDisconnect if it is cut off."""
        async for piece in self._request.stream():
            yield piece
        self._complete.set()

    async def run(self, work: Awaitable[T]) -> T:
        """Return the result of ``work``, which reads :meth:`pieces`. Raises ClientDisconnect if the client leaves before."""
        doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(self._left())
        try:
            await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise ClientDisconnect
            return doing.result()
        finally:
            for task in (doing, leaving):
                task.cancel()
            await asyncio.gather(doing, leaving, return_exceptions=True)

    async def _left(self) -> None:
        """Wait until the client has closed its connection. What it sends after the body is not part of this request."""
        await self._complete.wait()
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
