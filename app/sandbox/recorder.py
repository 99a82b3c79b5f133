"""The record of received requests: the latest in memory, and optionally all of them in a file."""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile
from pathlib import Path
from typing import IO, Any

import orjson

from app.core.clock import now, to_wire
from app.sandbox.server import Request, Response

KEPT_REQUESTS = 10_000
KEPT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """One request with its response, and the number and time at which it was recorded."""

    service: str
    request: Request
    response: Response
    number: int
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the form of ``as_record`` with ``number`` and ``receivedAt``."""
        record = as_record(self.service, self.request, self.response)
        return {**record, "number": self.number, "receivedAt": to_wire(self.at)}


class Recorder:
    """The received requests, oldest first."""

    def __init__(self, file: Path | None = None) -> None:
        self._kept: deque[Received] = deque()
        self._bytes = 0
        self._count = 0
        self._file: IO[bytes] | None = None
        if file is not None:
            file.touch(mode=0o600)  # the headers contain keys
            self._file = file.open("ab")

    def record(self, service: str, request: Request, response: Response) -> None:
        """Keep one request with its response."""
        self._count += 1
        self._kept.append(Received(service, request, response, self._count, now()))
        self._bytes += len(request.body) + len(response.body)
        while len(self._kept) > KEPT_REQUESTS or self._bytes > KEPT_BYTES:
            old = self._kept.popleft()
            self._bytes -= len(old.request.body) + len(old.response.body)
        if self._file is not None:
            self._file.write(orjson.dumps(as_record(service, request, response)) + b"\n")
            self._file.flush()

    def listed(self, service: str, limit: int, after: int = 0) -> list[dict[str, Any]]:
        """Return the latest requests of one emulator, oldest first.

        Each has the form of ``Received.as_json``. Only requests with a number above ``after`` are returned.
        """
        return [one.as_json() for one in self.latest(service, limit, after)]

    def latest(self, service: str, limit: int, after: int = 0) -> list[Received]:
        """Return the latest requests of one emulator with a number above ``after``, oldest first."""
        newest = takewhile(lambda one: one.number > after, reversed(self._kept))
        return list(islice((one for one in newest if one.service == service), limit))[::-1]

    def one(self, service: str, number: int) -> Received | None:
        """Return the request of an emulator with a number, or None if it is no longer kept."""
        index = number - (self._kept[0].number if self._kept else 0)
        found = self._kept[index] if 0 <= index < len(self._kept) else None
        return found if found and found.service == service else None

    def count(self, service: str) -> int:
        """Return the number of requests of one emulator that are kept."""
        return sum(one.service == service for one in self._kept)

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
