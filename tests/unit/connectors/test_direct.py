"""The direct path of the client beside the path through httpx: equal requests, and responses that mean the same."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from app.connectors.answers import error_for_answer, quoted, request_id_of, retry_after
from app.connectors.bodies import unread
from app.connectors.echoes import secrets_sent, shown_headers, shown_url
from app.connectors.errors import ConfigurationRejected
from app.connectors.http import make_client
from app.connectors.messages import Request, Response
from tests.unit.connectors.raw_server import plain_answer, read_request, serve

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAMES = (
    "content-type",
    "date",
    "location",
    "ratelimit-limit",
    "x-odd",
    "x-none",
    "x-ratelimit-reset",
)
HEADERS = {"Content-Type": "application/json", "authorization": "Bearer k3y-0f-acc0unt"}

RESPONSES = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 202 Accepted\r\nX-Request-Id: r-1\r\nRateLimit-Limit: 10, 10;w=1\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx-odd: a\r\nX-Odd: b\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx-odd: \xe9\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx-odd: \xc3\xa9\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nretry-after: Sun, 01 Mar 2026 12:00:30 GMT\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 301 Moved\r\nlocation: https://b.example/x?key=s3cr3t-v4lue\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\ncontent-length: 31\r\n\r\n"
    b'{"said": "Bearer k3y-0f-acc0unt"',
    b"HTTP/1.1 400 Bad\r\ncontent-type: text/plain; charset=latin-1\r\ncontent-length: 3\r\n\r\nn\xe9e",
    b"HTTP/1.1 400 Bad\r\ncontent-type: text/plain; charset=odd\r\ncontent-length: 3\r\n\r\nn\xe9e",
    b"HTTP/1.1 500 Bad\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<hr>",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{",
    b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 22\r\n\r\n" + gzip.compress(b"{}", mtime=0),
    b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
]  # fmt: skip


def facts(response: Response) -> Mapping[str, object]:
    """Return all that connectors use of a response."""
    error = error_for_answer(response, now=NOW)
    return {
        "status": response.status_code,
        "headers": {name: response.headers.get(name) for name in NAMES},
        "content": response.content,
        "text": response.text,
        "unread": unread(response),
        "error": error and (type(error), error.message, error.code, error.vendor_request_id),
        "retry_after": retry_after(response, now=NOW),
        "request_id": request_id_of(response),
        "quoted": quoted(response),
    }


@pytest.mark.parametrize("data", RESPONSES)
async def test_a_response_means_the_same_on_both_paths(data: bytes) -> None:
    end = data.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
    async with serve(plain_answer(end)) as server, make_client(outbound_allow="127.0.0.1") as http:
        url = f"{server.url}?key=s3cr3t-v4lue"
        through = await http.request("POST", url, content=b"x", headers=HEADERS)
        direct = await http.call("POST", url, content=b"x", headers=HEADERS)
    assert facts(direct) == facts(through)


@pytest.mark.parametrize("path", ["", "?a=b%20c&d=%C3%A9", "a/b%2Fc?x", "é/ü?q=ö", "a b", "#part"])
@pytest.mark.parametrize(
    ("method", "headers", "content"),
    [
        ("POST", HEADERS, b"{}"),
        ("POST", {}, b""),
        ("GET", {"Accept": "application/vnd.api+json"}, b""),
        ("DELETE", HEADERS, b"x" * 600_000),
        ("patch", {"X-Key": "1", "x-key": "2", "USER-AGENT": "mine", "accept-encoding": "br"}, b"1"),
    ],
)  # fmt: skip
async def test_a_request_is_the_same_on_both_paths(
    method: str, headers: Mapping[str, str], content: bytes, path: str
) -> None:
    seen: list[tuple[bytes, list[bytes], bytes]] = []
    gated: list[object] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, body = await read_request(reader)
        first, *lines = head.strip().split(b"\r\n")
        seen.append((first, sorted(_in_lower_case(line) for line in lines), body))
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")

    async def gate(request: Request) -> None:
        shown = sorted(name.lower() for name in shown_headers(request))
        host = {"host", "content-length"}  # httpx names them here, aiohttp when it sends
        names = [name for name in shown if name not in host]
        forms = secrets_sent(request)
        gated.append((request.method, shown_url(request.url), names, request.content, forms))

    async with serve(answer) as server, make_client(outbound_allow="127.0.0.1") as client:
        http = client.gated(gate, ["s3cr3t-of-account"])
        await http.request(method, server.url + path, content=content or None, headers=headers)
        await http.call(method, server.url + path, content=content, headers=headers)
    assert seen[0] == seen[1]
    assert gated[0] == gated[1]


def _in_lower_case(line: bytes) -> bytes:
    """Return a header with its name in lower case."""
    name, _, value = line.partition(b":")
    return name.lower() + b":" + value


@pytest.mark.parametrize("headers", [{"x-key": "ké"}, {"x-ké": "1"}])
async def test_a_header_that_is_not_ascii_is_refused(headers: Mapping[str, str]) -> None:
    async with serve() as server, make_client(outbound_allow="127.0.0.1") as http:
        with pytest.raises(ConfigurationRejected, match="not ASCII"):
            await http.call("POST", server.url, headers=headers)
        assert server.accepted == 0


async def test_its_callback_receives_the_response() -> None:
    heard: list[int] = []

    async def hear(response: Response) -> None:
        heard.append(response.status_code)

    async def gate(_request: Request) -> object:
        return hear

    async with serve() as server, make_client(outbound_allow="127.0.0.1") as client:
        await client.gated(gate).call("POST", server.url, headers={})  # type: ignore[arg-type]
    assert heard == [200]
