"""A small HTTP/1.1 server that can cut a connection in the middle of a response. All emulators run on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import httptools
import orjson

BODY_LIMIT = 64 * 1024 * 1024


@dataclass(slots=True)
class Request:
    """One received request. Header names are in lower case."""

    method: str
    path: str  # decoded
    query: str
    headers: dict[str, str]
    body: bytes
    raw_path: str = ""  # as received, not decoded
    ignore: bool = False  # a fault: respond as if the request was applied, without applying it
    reformat: bool = False  # a fault: return keys in another form than they were sent

    @property
    def url(self) -> str:
        """The path and the query, as a client writes them after the host."""
        path = self.raw_path or self.path
        return f"{path}?{self.query}" if self.query else path

    def parameters(self) -> dict[str, list[str]]:
        """Return the query's parameters as ``{name: [value]}``."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found

    def parameter(self, name: str) -> str | None:
        """Return the last value of a query parameter, or None."""
        return self.parameters().get(name, [None])[-1]

    def json(self) -> Any:
        """Parse the body as JSON. Raises ValueError if it is not JSON."""
        return orjson.loads(self.body)


@dataclass(slots=True)
class Response:
    """One response."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Cut:
    """A response whose connection is closed after some of its bytes."""

    response: Response
    after_bytes: int


Outcome = Response | Cut
Handler = Callable[[Request], Outcome | Awaitable[Outcome]]


def json_response(status: int, content: Any, headers: dict[str, str] | None = None) -> Response:
    """Return a response with a JSON body."""
    return Response(
        status, orjson.dumps(content), {"content-type": "application/json", **(headers or {})}
    )


class Listener:
    """A server on one port that passes each request to a handler."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Start to listen. Port 0 takes a free port. Returns the URL without a trailing slash."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self._handler, self._connections, self._tasks), host, port
        )
        bound = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{host}:{bound}"
        return self.url

    async def stop(self) -> None:
        """Stop listening, and close all connections."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        await self._server.wait_closed()
        await asyncio.sleep(0)  # lets the connections process their end


class _Connection(asyncio.Protocol):
    """One connection. Pipelined requests are handled one after another."""

    def __init__(
        self,
        handler: Handler,
        connections: set[_Connection],
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self._handler = handler
        self._connections = connections
        self._tasks = tasks
        self._transport: asyncio.Transport | None = None
        self._waiting: list[tuple[Request, bool]] = []
        self._task: asyncio.Task[None] | None = None
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self._parser = httptools.HttpRequestParser(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)
        # The request continues: a partner may also apply a request whose client has disconnected.

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, UnicodeDecodeError):
            self._write(Response(400, b"not an HTTP request"), keep_alive=False)

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > BODY_LIMIT:
            self._write(Response(413, b"too large"), keep_alive=False)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        method = self._parser.get_method().decode("latin-1")
        request = Request(
            method, unquote(path), query, self._headers, b"".join(self._body), raw_path=path
        )
        self._waiting.append((request, self._parser.should_keep_alive()))
        if self._task is None:
            self._work()

    def _work(self) -> None:
        while self._waiting and self._transport is not None:
            request, keep_alive = self._waiting.pop(0)
            outcome = self._handle(request)
            if isinstance(outcome, Response | Cut):
                self._write(outcome, keep_alive=keep_alive)
            else:
                self._task = asyncio.ensure_future(self._later(outcome, keep_alive))
                self._tasks.add(self._task)
                self._task.add_done_callback(self._tasks.discard)
                return

    def _handle(self, request: Request) -> Outcome | Awaitable[Outcome]:
        try:
            return self._handler(request)
        except Exception as error:  # noqa: BLE001 - the client must see an emulator's bug
            return Response(500, f"sandbox: {type(error).__name__}: {error}".encode())

    async def _later(self, outcome: Awaitable[Outcome], keep_alive: bool) -> None:
        try:
            self._write(await outcome, keep_alive=keep_alive)
        finally:
            self._task = None
        self._work()

    def _write(self, outcome: Outcome, *, keep_alive: bool) -> None:
        if self._transport is None:
            return
        cut = outcome.after_bytes if isinstance(outcome, Cut) else None
        response = outcome.response if isinstance(outcome, Cut) else outcome
        data = _head(response, keep_alive=keep_alive) + response.body
        if cut is None:
            self._transport.write(data)
            if not keep_alive:
                self._transport.close()
        elif cut == 0:
            self._transport.abort()
        else:
            self._transport.write(data[:cut])
            self._transport.close()


def _head(response: Response, *, keep_alive: bool) -> bytes:
    try:
        reason = HTTPStatus(response.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {response.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    if response.status != 204:
        lines.append(f"content-length: {len(response.body)}")
    if not keep_alive:
        lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
