"""The API's HTTP server: uvicorn, with deadlines for receiving that uvicorn itself does not have (R36).

A request's headers must be there 10 s after its first byte (or the connection's start) and within 32 KiB, its body
60 s after them. Uploads (PUT) may take longer: whoever reads them watches their rate.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, BaseTransport, TimerHandle, Transport
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEADER_SECONDS = 10.0
BODY_SECONDS = 60.0
LONGEST_HEADERS = 32 * 1024
KEEP_ALIVE_SECONDS = 5


def _answer(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()


class DeadlineProtocol(HttpToolsProtocol):
    """One connection. Cuts it where a request does not arrive in time or in bounds."""

    header_seconds = HEADER_SECONDS
    body_seconds = BODY_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: TimerHandle | None = None
        self._in_headers = True
        self._header_bytes = 0

    def connection_made(self, transport: BaseTransport) -> None:
        """Starts the first deadline."""
        # uvloop's transports are asyncio's by behaviour, not by class.
        super().connection_made(cast(Transport, transport))
        self._set_deadline(self.header_seconds, self._headers_are_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the deadline."""
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes a piece of a request, and counts it as long as the headers go on."""
        if self._in_headers:
            if self._deadline is None:
                self._set_deadline(self.header_seconds, self._headers_are_late)
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > LONGEST_HEADERS:
            self._refuse("431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """A request begins, perhaps right behind another one."""
        self._in_headers = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are dropped: nobody reads them, and nothing else bounds them."""
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body's deadline takes the place of the headers'."""
        self._in_headers = False
        self._header_bytes = 0
        self._set_deadline(self.body_seconds, self._body_is_late)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The whole request is there."""
        self._clear_deadline()
        self._in_headers = True
        super().on_message_complete()

    def _set_deadline(self, seconds: float, action: Any) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(seconds, action)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _headers_are_late(self) -> None:
        self._deadline = None
        self._refuse("408 Request Timeout")

    def _refuse(self, status: str) -> None:
        self._clear_deadline()
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete:
            self.transport.write(_answer(status))
            self.transport.close()
        else:
            # A request before this one is still being answered on the same connection.
            cycle.keep_alive = False

    def _body_is_late(self) -> None:
        self._deadline = None
        cycle = self.cycle
        if self.scope["method"] == "PUT" and not cycle.response_started:
            self._set_deadline(self.body_seconds, self._body_is_late)
        elif not self.transport.is_closing():
            self.transport.abort()


def fast_loop() -> Callable[[], AbstractEventLoop] | None:
    """What makes the event loop of API and worker: uvloop where it is installed (not on Windows), else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def make_server(application: FastAPI, *, shutdown_seconds: int) -> uvicorn.Server:
    """The server for an application. On SIGTERM, requests under way have `shutdown_seconds` to end."""
    config = uvicorn.Config(
        application,
        http=DeadlineProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=shutdown_seconds,
    )
    return uvicorn.Server(config)
