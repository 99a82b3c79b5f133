"""The client of the request limits, against servers that are no good Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.core import redis_client
from app.core.redis_client import RedisAway, RedisClient


class Server:
    """A server that accepts connections. It replies to the first command only once it ``works``."""

    def __init__(self) -> None:
        self.open: set[asyncio.StreamWriter] = set()
        self.accepted = 0
        self.works = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        self.accepted += 1
        try:
            while await reader.read(65536):
                if self.works:
                    writer.write(b"+PONG\r\n")
        except ConnectionError:
            pass
        finally:
            self.open.discard(writer)
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    yield server, f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0"
    listening.close()


async def test_tries_to_connect_leave_no_connections_to_a_server_that_does_not_reply(
    server: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "_CONNECT_SECONDS", 0.05)
    monkeypatch.setattr(redis_client, "_RETRY_SECONDS", 0.01)
    silent, url = server
    client = RedisClient(url, budget=0.05)
    await client.open()
    async with asyncio.timeout(10):
        while silent.accepted < 8:  # noqa: ASYNC110 - it counts
            await asyncio.sleep(0.02)
    assert len(silent.open) <= 2
    with pytest.raises(RedisAway):
        await client.command("PING")
    silent.works = True
    async with asyncio.timeout(10):
        while client._connection is None:  # noqa: ASYNC110 - the client offers no event for it
            await asyncio.sleep(0.02)
    assert await client.command("PING") == b"PONG"
    await client.close()
    async with asyncio.timeout(10):
        while silent.open:  # noqa: ASYNC110 - it counts
            await asyncio.sleep(0.02)
