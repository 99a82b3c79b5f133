"""The API's HTTP server: uvicorn with deadlines for receiving requests, which uvicorn does not have (R36).

Headers must arrive within 10 s of the request's first byte (or of the start of the connection) and take at most
32 KiB. The body must arrive within 60 s of the headers. Uploads (PUT) may take longer, because the code that reads
them checks their rate.

A request may offer HTTP/2 (``Upgrade: h2c``), as Java's client does. The offer is ignored, and the body is read.
"""

from __future__ import annotations

import sys
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


def _empty_response(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()


class HeadersTooLarge(Exception):
    """The headers of a request exceed the limit."""


class DeadlineProtocol(HttpToolsProtocol):
    """One connection. Closes it if a request arrives too slowly or its headers are too large."""

    header_seconds = HEADER_SECONDS
    body_seconds = BODY_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: TimerHandle | None = None
        self._in_headers = True
        self._header_bytes = 0  # received since the request began
        self._parsed_bytes = 0  # of its headers
        self._received = b""  # the bytes that are being parsed
        self._continues = (
            False  # the parser reads framing headers again, of a request that offered an upgrade
        )

    def connection_made(self, transport: BaseTransport) -> None:
        """Start the deadline of the first request's headers."""
        # uvloop's transports behave like asyncio's, but do not inherit from its class.
        super().connection_made(cast(Transport, transport))
        self._set_deadline(self.header_seconds, self._headers_are_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline."""
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, and count them while headers are being received."""
        if self._in_headers:
            if self._deadline is None:
                self._set_deadline(self.header_seconds, self._headers_are_late)
            self._header_bytes += len(data)
        self._parse(data)
        if self._in_headers and self._header_bytes > LONGEST_HEADERS:
            self._refuse("431 Request Header Fields Too Large")

    def _parse(self, data: bytes) -> None:
        self._received = data
        super().data_received(data)

    def _unsupported_upgrade_warning(self) -> None:
        """Parse the rest of a request that offers an upgrade, which the parser ends at its headers (RFC 9110, 7.8)."""
        stopped = sys.exception()
        rest = self._received[stopped.args[0] :] if stopped is not None else b""
        framing = b"".join(b"%s: %s\r\n" % header for header in self._framing())
        if framing:
            self._continues = True
            rest = b"POST / HTTP/1.1\r\n" + framing + b"\r\n" + rest
        if rest:
            self._parse(rest)

    def _framing(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of the request that say where its body ends."""
        names = (b"content-length", b"transfer-encoding")
        return [(name, value) for name, value in self.headers if name in names]

    def on_message_begin(self) -> None:
        """Start to count the headers of a request."""
        if self._continues:
            return
        self._in_headers = True
        self._parsed_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Keep the URL of a request."""
        if not self._continues:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. Drops trailers, because nothing reads them and nothing else limits their size.

        Raises HeadersTooLarge, which ends the parsing: received in one piece, headers are not counted before they are parsed.
        """
        if not self._in_headers or self._continues:
            return
        self._parsed_bytes += len(name) + len(value) + 4
        if self._parsed_bytes > LONGEST_HEADERS:
            self._refuse("431 Request Header Fields Too Large")
            raise HeadersTooLarge
        super().on_header(name, value)

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that cannot be parsed, unless it was refused already."""
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def on_headers_complete(self) -> None:
        """Replace the deadline of the headers by that of the body."""
        if self._continues:
            self._continues = False
            return
        self._in_headers = False
        self._header_bytes = 0
        self._set_deadline(self.body_seconds, self._body_is_late)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Cancel the deadline, because the request is complete."""
        if self.parser.should_upgrade() and self._framing():
            return  # its body follows
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
            self.transport.write(_empty_response(status))
            self.transport.close()
        else:
            # An earlier request on this connection is still being served.
            cycle.keep_alive = False

    def _body_is_late(self) -> None:
        self._deadline = None
        cycle = self.cycle
        if self.scope["method"] == "PUT" and not cycle.response_started:
            self._set_deadline(self.body_seconds, self._body_is_late)
        elif not self.transport.is_closing():
            self.transport.abort()


def fast_loop() -> Callable[[], AbstractEventLoop] | None:
    """Return the factory of the event loop: uvloop's if it is installed (not on Windows), else None for asyncio's."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def make_server(
    application: FastAPI, *, shutdown_seconds: int, trusted_proxies: str = ""
) -> uvicorn.Server:
    """Create the server of an application. After SIGTERM, running requests have ``shutdown_seconds`` to finish.

    ``trusted_proxies``: addresses and networks, comma-separated, whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` count.
    """
    config = uvicorn.Config(
        application,
        http=DeadlineProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        headers=[("x-content-type-options", "nosniff")],  # no browser takes data for a page
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=shutdown_seconds,
    )
    return uvicorn.Server(config)
