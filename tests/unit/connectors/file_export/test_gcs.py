"""Resumable uploads that are cut, repeated, refused or sent elsewhere."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.connectors.base import ConnectorTools
from app.connectors.destinations.file_export import gcs
from app.connectors.destinations.file_export.gcs import GCSStore
from app.connectors.errors import (
    AuthenticationRejected,
    ConfigurationRejected,
    ConnectorError,
    Redirected,
    Throttled,
    TransientFailure,
    Unconfirmed,
)
from app.connectors.object_stores.google_token import NoTokens, ServiceAccountTokens
from tests.unit.connectors.create import create_tools
from tests.unit.connectors.file_export.test_stores import private_key
from tests.unit.connectors.raw_server import RawServer, plain_answer, read_request, serve

CHUNK = 256 * 1024
DATA = hashlib.sha256(b"seed").digest() * (3 * CHUNK // 32) + b"the end"


@dataclass
class Session:
    """A store with one upload session. ``faults``: what it does with each PUT; nothing: take it."""

    faults: list[str] = field(default_factory=list)
    target: str = ""
    stored: bytes = b""
    calls: list[str] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_request(reader)
            method = head.split(b" ", 1)[0].decode()
            self.calls.append(method)
            await self._answer(method, head.decode().lower(), body, writer)
            await writer.drain()

    async def _answer(self, method: str, head: str, body: bytes, writer: Any) -> None:
        if method == "POST":
            said(writer, 200, f"location: {self.target}/session")
        elif method == "DELETE":
            said(writer, 499)
        else:
            span = re.search(r"content-range: bytes (?:\*|(\d+)-\d+)/(\d+)", head)
            assert span is not None
            self._put(span[1], int(span[2]), body, writer)

    def _put(self, start: str | None, total: int, body: bytes, writer: Any) -> None:
        fault = self.faults.pop(0) if self.faults and start is not None else ""
        if fault == "cut":
            writer.close()
            return
        if fault.isdecimal():
            said(writer, int(fault), "location: http://b.example/x" if fault < "400" else "")
            return
        if start is not None:
            assert int(start) == len(self.stored)
            self.stored += body[: len(body) // 2] if fault == "half" else body
        if len(self.stored) == total:
            md5 = base64.b64encode(hashlib.md5(self.stored).digest()).decode()
            md5 = "AAAAAAAAAAAAAAAAAAAAAA==" if fault == "other bytes" else md5
            said(writer, 200, "", json.dumps({"size": str(total), "md5Hash": md5}))
        else:
            said(writer, 308, f"range: bytes=0-{len(self.stored) - 1}" if self.stored else "")


def said(writer: Any, status: int, header: str = "", body: str = "") -> None:
    more = header + "\r\n" if header else ""
    head = f"HTTP/1.1 {status} X\r\n{more}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write((head + body).encode())


@asynccontextmanager
async def opened(faults: Sequence[str] = ()) -> AsyncIterator[tuple[Session, RawServer]]:
    session = Session(list(faults))
    async with serve(session.answer) as server:
        session.target = server.url.rstrip("/")
        yield session, server


@pytest.fixture
async def tools() -> AsyncIterator[ConnectorTools]:
    async with create_tools() as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcs, "_WAIT", 0.0)


def store(tools: ConnectorTools, url: str) -> GCSStore:
    return GCSStore(tools.http, NoTokens(), "exports", url, CHUNK)


@pytest.mark.parametrize(
    "faults",
    [
        (),
        ("cut",),
        ("", "503"),
        ("half", "half"),
        ("", "cut", "half", "429", ""),
        ("", "", "", "cut"),
    ],
)
async def test_an_upload_continues_where_the_bytes_end(
    tools: ConnectorTools, file: Path, faults: Sequence[str]
) -> None:
    async with opened(faults) as (session, server):
        checksum = await store(tools, server.url).write("f", file, len(DATA))
    assert session.stored == DATA
    assert checksum == base64.b64encode(hashlib.md5(DATA).digest()).decode()
    assert session.calls.count("POST") == 1
    assert "DELETE" not in session.calls


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        (("cut",) * 9, TransientFailure),
        (("503",) * 9, TransientFailure),
        (("429",) * 9, Throttled),
        (("400",), ConnectorError),
        (("401",), AuthenticationRejected),
        (("403",), AuthenticationRejected),
        (("404",) * 9, TransientFailure),  # Google does not know the upload any more
        (("410",) * 9, TransientFailure),
        (("302",), Redirected),
        (("307",), Redirected),
        (("308",), Redirected),  # with a target it is a redirect, not the progress of an upload
        (("", "", "", "other bytes"), Unconfirmed),
    ],
)
async def test_an_upload_that_fails_is_aborted(
    tools: ConnectorTools, file: Path, faults: Sequence[str], kind: type[ConnectorError]
) -> None:
    async with opened(faults) as (session, server):
        with pytest.raises(kind) as caught:
            await store(tools, server.url).write("f", file, len(DATA))
    assert len(session.calls) < 10
    if kind is not Unconfirmed:  # then it is stored under a name that is deleted
        assert session.calls[-1] == "DELETE"
    if kind is Redirected:
        assert "http://b.example/x" in caught.value.message


async def test_an_upload_goes_to_no_other_host(tools: ConnectorTools, file: Path) -> None:
    async with opened() as (session, server), opened() as (elsewhere, other):
        session.target = elsewhere.target
        with pytest.raises(ConfigurationRejected, match=f"sends the upload to {other.url}session"):
            await store(tools, server.url).write("f", file, len(DATA))
    assert elsewhere.calls == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"access_token": 5}', b'{"access_token": "a\\nb"}', b"x"]
)
async def test_a_token_that_is_none_is_not_used(tools: ConnectorTools, body: bytes) -> None:
    answer = b"HTTP/1.1 200 X\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with serve(plain_answer(answer)) as server:
        key = {"client_email": "a", "private_key": private_key(), "token_uri": server.url}
        with pytest.raises(Unconfirmed):
            await ServiceAccountTokens(tools.http, json.dumps(key)).current()
