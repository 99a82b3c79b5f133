"""Buckets of Google whose objects the service account may not replace or delete."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from app.connectors.base import Call, ConnectorTools, Delivery, Receipts
from app.connectors.destinations.file_export.connector import GCSConnector
from app.connectors.destinations.file_export.settings import GCSSettings
from app.connectors.errors import Unconfirmed
from tests.unit.connectors.create import create_call, create_delivery, create_tools
from tests.unit.connectors.file_export.create import run
from tests.unit.connectors.raw_server import read_request, serve

ROWS = [create_delivery(f"p{number}") for number in range(3)]
# https://github.com/google-github-actions/upload-cloud-storage/issues/388 and https://github.com/treeverse/lakeFS/issues/1339
SAYS = {
    "creator": "w@shop.iam.gserviceaccount.com does not have storage.objects.delete access to the Google Cloud Storage object.",
    "retained": "Object 'exports/{}' is subject to bucket's retention policy and cannot be deleted, overwritten or archived until 2027",
}


@dataclass
class Bucket:
    """A bucket in memory. ``creator``: the account may create only; ``retained``: nothing is replaced or deleted."""

    kind: str
    objects: dict[str, bytes] = field(default_factory=dict)
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_request(reader)
            method, target = head.decode().split(" ", 2)[:2]
            status, header, content = self._answer(method, target, body)
            data = json.dumps(content).encode()
            lines = f"HTTP/1.1 {status} X\r\n{header}content-type: application/json\r\n"
            writer.write(f"{lines}content-length: {len(data)}\r\n\r\n".encode() + data)
            await writer.drain()

    def _answer(self, method: str, target: str, body: bytes) -> tuple[int, str, Any]:
        parts = urlsplit(target)
        if method == "POST" and parts.path.startswith("/upload/"):
            name = parse_qs(parts.query)["name"][0]
            if name in self.objects:
                return self._refused(name)
            return 200, f"location: {self.url}session?name={name}\r\n", {}
        if parts.path == "/session":
            return self._stored(parse_qs(parts.query)["name"][0], body)
        names = [unquote(one) for one in parts.path.split("/o/")[1:]]
        if "rewriteTo" in target:
            source, copy = names[0].split("/rewriteTo/")[0], names[-1]
            if copy in self.objects:
                return self._refused(copy)
            _, _, resource = self._stored(copy, self.objects[source])
            return 200, "", {"done": True, "resource": resource}
        if method == "DELETE" or self.kind == "creator":
            return self._refused(names[0])
        found = self.objects.get(names[0])
        return (404, "", {}) if found is None else (200, "", _resource(found))

    def _stored(self, name: str, body: bytes) -> tuple[int, str, Any]:
        assert name not in self.objects
        self.objects[name] = body
        return 200, "", _resource(body)

    def _refused(self, name: str) -> tuple[int, str, Any]:
        message = SAYS[self.kind].format(name)
        return 403, "", {"error": {"message": message, "errors": [{"reason": "forbidden"}]}}


def _resource(data: bytes) -> dict[str, str]:
    return {
        "size": str(len(data)),
        "md5Hash": base64.b64encode(hashlib.md5(data).digest()).decode(),
    }


@asynccontextmanager
async def opened(kind: str) -> AsyncIterator[tuple[Bucket, GCSConnector]]:
    bucket = Bucket(kind)
    async with serve(bucket.answer) as server, create_tools() as tools:
        bucket.url = server.url
        given = {"bucket": "exports", "endpoint_url": server.url.rstrip("/")}
        yield bucket, _connector(tools, given)


def _connector(tools: ConnectorTools, given: dict[str, str]) -> GCSConnector:
    return GCSConnector(GCSSettings.model_validate(given), tools)


def call(rows: list[Delivery]) -> Call:
    return create_call(rows=len(rows), sync_id="s1")


def published(receipts: Receipts) -> list[str]:
    return [key.removeprefix("exports/") for key in receipts.exports]


@pytest.mark.parametrize("kind", SAYS)
async def test_a_check_is_repeated(kind: str) -> None:
    async with opened(kind) as (_, connector):
        for _ in range(3):
            result = await connector.check({})
            assert result.ok, result.message
            assert "may not" in result.message


@pytest.mark.parametrize("kind", SAYS)
async def test_a_sync_is_repeated_after_its_files_were_written(kind: str) -> None:
    async with opened(kind) as (bucket, connector):
        first = await run(connector, call(ROWS), ROWS)
        written = {name: bucket.objects[name] for name in published(first)}
        assert len(written) == 2
        assert await run(connector, call(ROWS), ROWS) == first
    assert written.items() <= bucket.objects.items()


async def test_a_file_with_other_bytes_is_no_result_of_a_sync() -> None:
    async with opened("retained") as (bucket, connector):
        for name in published(await run(connector, call(ROWS), ROWS)):
            bucket.objects[name] = b"other"
        with pytest.raises(Unconfirmed):
            await run(connector, call(ROWS), ROWS)
