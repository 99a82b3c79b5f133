"""Headers with which a client pretends to be another address, host or scheme."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request

from app.embedded.http_server import make_server
from tests.attack.accounts import attack, figures

application = FastAPI()
HEADERS = (
    "X-Forwarded-For: 198.51.100.7", "x-forwarded-for: 198.51.100.7, 127.0.0.1", "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: 198.51.100.7",
    "X-Forwarded-For:198.51.100.7", "X-Forwarded-For: [2001:db8::1]:80", "X-Real-IP: 198.51.100.7", "Forwarded: for=198.51.100.7;proto=https;host=evil.example",
    "True-Client-IP: 198.51.100.7", "CF-Connecting-IP: 198.51.100.7", "X-Client-IP: 198.51.100.7", "X-Forwarded-Proto: https",
    "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https", "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 1", "X-Original-URL: /evil",
    "X-Rewrite-URL: /evil", "X-Forwarded-Prefix: /evil", "X-Forwarded-Server: evil.example", "Via: 1.1 evil.example", "X-Host: evil.example",
)  # fmt: skip


@application.get("/{path:path}")
async def seen(path: str, request: Request) -> list[str]:
    client = request.client.host if request.client else ""
    return [client, request.url.scheme, request.url.hostname or "", path]


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(application, shutdown_seconds=1)
    with listener:
        task = asyncio.create_task(server._serve([listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.01)
        yield listener.getsockname()
        server.should_exit = True
        await task


@attack
async def test_change_nothing_that_the_service_believes() -> None:
    believed = []
    async with serving() as address:
        for header in HEADERS:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(
                f"GET /here HTTP/1.1\r\nhost: api.example\r\nconnection: close\r\n{header}\r\n\r\n".encode()
            )
            answer = await reader.read()
            writer.close()
            found = json.loads(answer.rpartition(b"\r\n\r\n")[2])
            if found != ["127.0.0.1", "http", "api.example", "here"]:
                believed.append((header, found))
    figures(f"{len(HEADERS)} headers, {len(believed)} believed: {believed[:3]}")
    assert believed == []
