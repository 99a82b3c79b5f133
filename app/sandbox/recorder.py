"""The record of received requests: the latest in memory, and optionally all of them in a file."""

from __future__ import annotations

import base64
from collections import deque
from pathlib import Path
from typing import IO, Any

import orjson

from app.sandbox.server import Request, Response

KEPT_REQUESTS = 10_000
KEPT_BYTES = 64 * 1024 * 1024


class Recorder:
    """The received requests, oldest first."""

    def __init__(self, file: Path | None = None) -> None:
        self._kept: deque[tuple[str, Request, Response, int]] = deque()
        self._bytes = 0
        self._count = 0
        self._file: IO[bytes] | None = None
        if file is not None:
            file.touch(mode=0o600)  # the headers contain keys
            self._file = file.open("ab")

    def record(self, service: str, request: Request, response: Response) -> None:
        """Keep one request with its response."""
        self._count += 1
        self._kept.append((service, request, response, self._count))
        self._bytes += len(request.body) + len(response.body)
        while len(self._kept) > KEPT_REQUESTS or self._bytes > KEPT_BYTES:
            _, old, old_response, _ = self._kept.popleft()
            self._bytes -= len(old.body) + len(old_response.body)
        if self._file is not None:
            self._file.write(orjson.dumps(as_record(service, request, response)) + b"\n")
            self._file.flush()

    def listed(self, service: str, limit: int, after: int = 0) -> list[dict[str, Any]]:
        """Return the latest requests of one emulator, oldest first.

        Each has the form of ``as_record`` with a ``number``. Only requests with a number above ``after`` are returned.
        """
        found = [
            {**as_record(name, request, response), "number": number}
            for name, request, response, number in self._kept
            if name == service and number > after
        ]
        return found[-limit:]

    def clear(self) -> None:
        """Delete the requests in memory."""
        self._kept.clear()
        self._bytes = 0

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def as_record(service: str, request: Request, response: Response) -> dict[str, Any]:
    """Return ``{"service", "method", "url", "headers", "body", "status", "response_body"}`` of a request.

    A body that is not UTF-8 is in ``body_base64`` instead of ``body``.
    """
    record: dict[str, Any] = {
        "service": service,
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
    }
    try:
        record["body"] = request.body.decode()
    except UnicodeDecodeError:
        record["body_base64"] = base64.b64encode(request.body).decode()
    record["status"] = response.status
    record["response_body"] = response.body.decode(errors="replace")
    return record
