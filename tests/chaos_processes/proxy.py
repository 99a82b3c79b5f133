"""A TCP proxy before a server's Unix socket, which cuts, delays and drops what passes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_PIECE = 65536
_RESET = struct.pack("ii", 1, 0)  # closing sends a reset


@dataclass(eq=False)
class _Connection:
    writers: list[asyncio.StreamWriter]
    lossy: bool = False  # bytes of it were dropped: it must not go on

    def abort(self) -> None:
        client = self.writers[0].get_extra_info("socket")
        if client is not None and client.fileno() >= 0:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        for writer in self.writers:
            writer.transport.abort()


@dataclass
class Proxy:
    """Passes bytes between TCP clients and the socket ``target``."""

    target: Path
    port: int = 0
    delay: float = 0.0
    dropping: bool = False
    _server: asyncio.Server | None = None
    _open: set[_Connection] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> int:
        """Reset all connections; returns their number."""
        found = list(self._open)
        for connection in found:
            connection.abort()
        return len(found)

    def stop_dropping(self) -> None:
        """Pass bytes again, and reset the connections that have lost some."""
        self.dropping = False
        for connection in list(self._open):
            if connection.lossy:
                connection.abort()

    @property
    def connections(self) -> int:
        return len(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection([writer])
        self._open.add(connection)
        try:
            await self._join(connection, reader, writer)
        except asyncio.CancelledError:
            return  # the run ends; asyncio would print this as an error
        finally:
            connection.abort()
            self._open.discard(connection)

    async def _join(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            behind, to_server = await asyncio.open_unix_connection(str(self.target))
        except OSError:
            return
        connection.writers.append(to_server)
        ways = [
            asyncio.create_task(self._pass(connection, reader, to_server)),
            asyncio.create_task(self._pass(connection, behind, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if self.dropping:
                    connection.lossy = True
                    continue
                if connection.lossy:
                    return
                writer.write(piece)
                await writer.drain()
