"""A file that counts as published is in the store, whole and under its name, whatever the store responds."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.destinations.file_export import s3
from app.connectors.destinations.file_export.s3 import Limits, S3Store
from app.connectors.destinations.file_export.targets import StoreTarget
from app.connectors.errors import ConnectorError
from app.connectors.object_stores.aws import FixedKeys
from tests.unit.connectors.create import create_tools
from tests.unit.connectors.raw_server import read_request, serve
from tests.unit.connectors.test_confirmed import examples

SMALL = Limits(part=100, copy=150, copied_part=100)
FAULTS = ["ok"] * 9 + ["nothing", "half", "500", "503", "403", "404", "200 error", "206", "empty"]
ERROR = b"<Error><Code>InternalError</Code><Message>try again</Message></Error>"


class Bucket:
    """A store that loses and cuts what it is sent, but says truthfully what it has."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.objects: dict[str, bytes] = {}
        self._parts: dict[str, dict[int, bytes]] = {}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, body = await read_request(reader)
        method, target = head.split(b" ")[:2]
        copied = re.search(rb"\r\nx-amz-copy-source: *([^\r]+)", head, re.I)
        span = re.search(rb"\r\nx-amz-copy-source-range: *bytes=(\d+)-(\d+)", head, re.I)
        source = unquote(copied[1].decode()).partition("/")[2] if copied else None
        moved = self.objects.get(source, b"") if source else body
        if span:
            moved = moved[int(span[1]) : int(span[2]) + 1]
        status, etag, said = self._respond(
            method.decode(), target.decode(), moved, is_copy=source is not None
        )
        length = len(said)
        if method == b"HEAD":
            length, said = int(said or b"0"), b""
        lines = [f"HTTP/1.1 {status} Said", f"content-length: {length}", "connection: close"]
        lines += [f'etag: "{etag}"'] if etag else []
        writer.write("\r\n".join([*lines, "", ""]).encode() + said)
        await writer.drain()

    def _respond(
        self, method: str, target: str, body: bytes, *, is_copy: bool
    ) -> tuple[int, str, bytes]:
        """Apply a request, perhaps with a fault. Returns status, checksum and body (of HEAD: the size)."""
        fault = self._data.draw(st.sampled_from(FAULTS))
        parts = urlsplit(target)
        name = unquote(parts.path).removeprefix("/exports/")
        query = {
            key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        if fault in ("403", "404", "503"):
            return int(fault), "", ERROR
        if method == "HEAD":
            return self._found(name, fault)
        stored = {"nothing": b"", "half": body[: len(body) // 2]}.get(fault, body)
        content = self._apply(method, name, query, stored, lost=fault == "nothing")
        if fault == "500":
            return 500, "", ERROR
        if fault in ("200 error", "empty"):
            return 200, "", ERROR if fault == "200 error" else b""
        etag = hashlib.md5(stored).hexdigest()
        if is_copy:
            kind = "CopyPartResult" if "uploadId" in query else "CopyObjectResult"
            content = f"<{kind}><ETag>&quot;{etag}&quot;</ETag></{kind}>".encode()
        return 206 if fault == "206" else 200, etag, content

    def _found(self, name: str, fault: str) -> tuple[int, str, bytes]:
        content = self.objects.get(name)
        if content is None:
            return 404, "", b"0"
        if fault in ("500", "empty"):
            return 500 if fault == "500" else 200, "", b"0"
        return 200, hashlib.md5(content).hexdigest(), str(len(content)).encode()

    def _apply(
        self, method: str, name: str, query: dict[str, str], body: bytes, *, lost: bool
    ) -> bytes:
        upload = query.get("uploadId", "")
        match (method, *sorted(query)):
            case ("PUT",) if not lost:
                self.objects[name] = body
            case ("PUT", "partNumber", "uploadId") if not lost:
                self._parts.setdefault(upload, {})[int(query["partNumber"])] = body
            case ("POST", "uploads"):
                return b"<X><UploadId>u%d</UploadId></X>" % len(self._parts)
            case ("POST", "uploadId"):
                if not lost:
                    self.objects[name] = b"".join(
                        part for _, part in sorted(self._parts.get(upload, {}).items())
                    )
                return b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"
            case ("DELETE",):
                self.objects.pop(name, None)
            case _:
                pass
        return b""


async def publish(bucket: Bucket, path: Path) -> bool:
    async with serve(bucket.answer) as server, create_tools() as tools:
        store = S3Store(tools.http, FixedKeys("k", "s"), "exports", "us-east-1", server.url.rstrip("/"), SMALL)  # fmt: skip
        try:
            await StoreTarget(store, "exports", "").publish("a.csv", path)
        except ConnectorError:
            return False
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def verify(folder: Path, data: st.DataObject) -> None:
    content = bytes(range(64)) * data.draw(st.sampled_from([1, 1, 2, 4]))
    path = folder / "a.csv"
    path.write_bytes(content)
    bucket = Bucket(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3, "_WAIT", 0.0)
        published = asyncio.run(publish(bucket, path))
    assert not published or bucket.objects.get("a.csv") == content, bucket.objects


@examples(20)
@given(data=st.data())
def test_a_published_file_is_whole(folder: Path, data: st.DataObject) -> None:
    verify(folder, data)


@pytest.mark.chaos
@examples(1_000)
@given(data=st.data())
def test_of_many_stores(folder: Path, data: st.DataObject) -> None:
    verify(folder, data)
