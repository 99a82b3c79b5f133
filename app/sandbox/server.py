"""A small HTTP/1.1 server whose connections can be made to fail in the middle: the ground under every emulator."""

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
    """One request as it arrived; header names in lower case."""

    method: str
    path: str  # decoded
    query: str
    headers: dict[str, str]
    body: bytes
    raw_path: str = ""  # as it came
    ignore: bool = False  # a fault: answer as if it were done, and do nothing
    reformat: bool = False  # a fault: give keys back in another form than they came in

    @property
    def url(self) -> str:
        """Path and query, as a client would write them behind the host."""
        path = self.raw_path or self.path
        return f"{path}?{self.query}" if self.query else path

    def parameters(self) -> dict[str, list[str]]:
        """The query's parameters."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found

    def parameter(self, name: str) -> str | None:
        """The last value of a query parameter."""
        return self.parameters().get(name, [None])[-1]

    def json(self) -> Any:
        """The body as JSON; ValueError where it is none."""
        return orjson.loads(self.body)


@dataclass(slots=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Cut:
    """Break the connection after so many bytes of the answer."""

    answer: Answer
    after_bytes: int


Outcome = Answer | Cut
Handler = Callable[[Request], Outcome | Awaitable[Outcome]]


def json_answer(status: int, content: Any, headers: dict[str, str] | None = None) -> Answer:
    """An answer in JSON."""
    return Answer(
        status, orjson.dumps(content), {"content-type": "application/json", **(headers or {})}
    )


class Listener:
    """Listens on one port and hands each request to a handler."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Begin to listen (port 0: any free one) and return the URL without a trailing slash."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self._handler, self._connections, self._tasks), host, port
        )
        bound = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{host}:{bound}"
        return self.url

    async def stop(self) -> None:
        """Stop listening and break what is open."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        await self._server.wait_closed()
        await asyncio.sleep(0)  # connections learn that they are lost


class _Connection(asyncio.Protocol):
    """One connection; a request that waits for its answer holds back those behind it."""

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
        # Work goes on: a partner may well do what a client that hung up has asked for.

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, UnicodeDecodeError):
            self._write(Answer(400, b"this is no HTTP request"), keep_alive=False)

    # Called by the parser.

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
            self._write(Answer(413, b"too large"), keep_alive=False)
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
            outcome = self._answer(request)
            if isinstance(outcome, Answer | Cut):
                self._write(outcome, keep_alive=keep_alive)
            else:
                self._task = asyncio.ensure_future(self._later(outcome, keep_alive))
                self._tasks.add(self._task)
                self._task.add_done_callback(self._tasks.discard)
                return

    def _answer(self, request: Request) -> Outcome | Awaitable[Outcome]:
        try:
            return self._handler(request)
        except Exception as error:  # noqa: BLE001 - an emulator's fault must be seen by the client
            return Answer(500, f"sandbox: {type(error).__name__}: {error}".encode())

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
        answer = outcome.answer if isinstance(outcome, Cut) else outcome
        data = _head(answer, keep_alive=keep_alive) + answer.body
        if cut is None:
            self._transport.write(data)
            if not keep_alive:
                self._transport.close()
        elif cut == 0:
            self._transport.abort()
        else:
            self._transport.write(data[:cut])
            self._transport.close()


def _head(answer: Answer, *, keep_alive: bool) -> bytes:
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.status != 204:
        lines.append(f"content-length: {len(answer.body)}")
    if not keep_alive:
        lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
