"""Keeps the requests that arrived: the latest in memory, all of them in a file where one is asked for."""

from __future__ import annotations

import base64
from collections import deque
from pathlib import Path
from typing import IO, Any

import orjson

from app.sandbox.server import Answer, Request

KEPT_REQUESTS = 10_000
KEPT_BYTES = 64 * 1024 * 1024


class Recorder:
    """Requests in the order of their arrival."""

    def __init__(self, file: Path | None = None) -> None:
        self._kept: deque[tuple[str, Request, Answer, int]] = deque()
        self._bytes = 0
        self._count = 0
        self._file: IO[bytes] | None = None
        if file is not None:
            file.touch(mode=0o600)  # the headers hold keys
            self._file = file.open("ab")

    def record(self, service: str, request: Request, answer: Answer) -> None:
        """Keep one request with its answer."""
        self._count += 1
        self._kept.append((service, request, answer, self._count))
        self._bytes += len(request.body) + len(answer.body)
        while len(self._kept) > KEPT_REQUESTS or self._bytes > KEPT_BYTES:
            _, old, old_answer, _ = self._kept.popleft()
            self._bytes -= len(old.body) + len(old_answer.body)
        if self._file is not None:
            self._file.write(orjson.dumps(as_record(service, request, answer)) + b"\n")
            self._file.flush()

    def listed(self, service: str, limit: int, after: int = 0) -> list[dict[str, Any]]:
        """The latest requests of one emulator, oldest first, each with its ``number``."""
        found = [
            {**as_record(name, request, answer), "number": number}
            for name, request, answer, number in self._kept
            if name == service and number > after
        ]
        return found[-limit:]

    def clear(self) -> None:
        """Forget what is in memory."""
        self._kept.clear()
        self._bytes = 0

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def as_record(service: str, request: Request, answer: Answer) -> dict[str, Any]:
    """One request as a JSON object; a body that is no text goes as ``body_base64``."""
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
    record["status"] = answer.status
    record["response_body"] = answer.body.decode(errors="replace")
    return record
