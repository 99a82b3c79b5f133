"""A real https server with files, for tests of datasets that are read from files."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from aiohttp.abc import AbstractResolver, ResolveResult

from app.connectors.http import make_client
from app.services.platform.platform import Platform
from tests.unit.connectors.certificate import make_certificate
from tests.unit.connectors.raw_server import RawServer, read_request, serve
from tests.unit.connectors.test_http import Names

HOST = "files.example.com"

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ServedFile:
    """A file, with the headers of its version. ``script`` writes the whole response instead."""

    content: bytes = b""
    modified: datetime | None = None
    has_tag: bool = True
    compares: bool = True  # whether it responds with 304 to a known tag
    headers: dict[str, str] = field(default_factory=dict)
    script: Script | None = None

    @property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


@dataclass
class FileServer:
    """Files by path. ``requests`` are the heads of all requests, in lower case."""

    raw: RawServer
    files: dict[str, ServedFile] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    authorization: str | None = None

    def url(self, path: str) -> str:
        return f"https://{HOST}:{self.raw.port}/{path}"

    def put(
        self, path: str, content: bytes, modified: datetime | None = None, **more: object
    ) -> None:
        self.files[path] = replace(ServedFile(content, modified), **more)  # type: ignore[arg-type]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await read_request(reader))[0].decode()
            self.requests.append(head.lower())
            path = head.split(" ", 2)[1].lstrip("/").partition("?")[0]
            found = self.files.get(path)
            if (
                self.authorization
                and f"authorization: {self.authorization}".lower() not in head.lower()
            ):
                writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
            elif found is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            elif found.script is not None:
                await found.script(writer)
                return
            else:
                writer.write(_response(found, head.lower()))
            await writer.drain()


def _response(file: ServedFile, head: str) -> bytes:
    headers = dict(file.headers)
    if file.has_tag:
        headers["etag"] = file.tag
    if file.modified is not None:
        headers["last-modified"] = format_datetime(file.modified, usegmt=True)
    is_known = file.has_tag and file.compares and f"if-none-match: {file.tag}\r\n" in head
    body = b"" if is_known else file.content
    status = "304 Not Modified" if is_known else "200 OK"
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    if not is_known:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Loopback(AbstractResolver):
    """Resolves every name to this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return await Names(["127.0.0.1"]).resolve(host, port)

    async def close(self) -> None:
        return None


@asynccontextmanager
async def file_server(
    platform: Platform, folder: Path, resolver: AbstractResolver | None = None
) -> AsyncIterator[tuple[Platform, FileServer]]:
    """Start a server with a certificate. Yields the platform whose client trusts it, and the server."""
    context, trusting = make_certificate(folder, HOST)
    client = make_client(
        outbound_allow=platform.settings.outbound_allow,
        total_timeout=timedelta(seconds=5),
        verify=trusting,
        resolver=resolver or Loopback(),
    )
    server = FileServer(RawServer())

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.answer(reader, writer)

    async with serve(answer, context=context) as server.raw, client:
        yield replace(platform, http=client), server
