"""A bare HTTP server on the loopback, for checks of accounts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class Receiver:
    """A server's address, its response, and the number of requests."""

    url: str = ""
    status: int = 204
    requests: int = 0
    on_request: Callable[[], Awaitable[None]] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to one request and close."""
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.split(b":")[1]))
        self.requests += 1
        if self.on_request is not None:
            await self.on_request()
        writer.write(
            b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % self.status
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def start_receiver() -> AsyncIterator[Receiver]:
    """Run a server for the duration of the block."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield receiver
