"""The health endpoint of a worker: 200 only if the queue loop, the supervisor and the sweep work, and the heartbeat is fresh."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from workers.context import WorkerProcess

REQUEST_SECONDS = 5.0
LONGEST_REQUEST = 8192
_PHRASES = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}


class WorkerHealth:
    """Answers ``GET /health/live`` and ``GET /health/ready`` of one worker process."""

    def __init__(self, process: WorkerProcess, parts: Mapping[str, asyncio.Task[None]]) -> None:
        self._process = process
        self._parts = parts

    def faults(self) -> list[str]:
        """Return what has ended, as reasons. Empty: the process works, or tries to."""
        return [f"the {name} has ended" for name, task in self._parts.items() if task.done()]

    def unready(self) -> list[str]:
        """Return why this worker is not known to receive work. Empty: it is ready."""
        reasons = self.faults()
        if self._process.queue_loop is None and self._process.platform.queue.is_usable:
            reasons.append("the queue loop does not run; it is being started")
        age, life = self._process.beats.age(), self._process.name.life.total_seconds()
        if self._process.beats.written_at is None:
            reasons.append("there is no heartbeat yet")
        elif age > life:
            reasons.append(f"the last heartbeat is {age:.0f} s old; see the worker's log")
        return reasons

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return status and body of a GET of ``path``: ``{status, worker, wakeUps, heartbeatAge, reasons?}``."""
        if path not in ("/health/live", "/health/ready"):
            return 404, {"status": "there are /health/live and /health/ready"}
        is_live = path == "/health/live"
        reasons = self.faults() if is_live else self.unready()
        good = "live" if is_live else "ready"
        body: dict[str, Any] = {"status": f"not {good}" if reasons else good}
        body["worker"] = self._process.name.id
        body["wakeUps"] = self._wakeups()
        body["heartbeatAge"] = round(self._process.beats.age(), 1)
        return (503, {**body, "reasons": reasons}) if reasons else (200, body)

    def _wakeups(self) -> str:
        """Return how this worker learns of due work at once: by ``redis`` or ``notify``; ``sweep``: it looks for it."""
        if self._process.queue_loop is not None and self._process.platform.queue.is_usable:
            return "redis"
        return "notify" if self._process.hears else "sweep"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close the connection."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                target = head.split(b" ", 2)[1].decode("latin-1")
                writer.write(_response(*self.answer(target.partition("?")[0])))
                await writer.drain()
        except (OSError, EOFError, IndexError, asyncio.LimitOverrunError):
            pass  # what was sent is no request, or came too slowly
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def _response(status: int, body: Mapping[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + content


@asynccontextmanager
async def serving_health(
    health: WorkerHealth, listener: socket.socket | None
) -> AsyncIterator[None]:
    """Serve the health of a worker on a listening socket, if there is one, while the block runs."""
    if listener is None:
        yield
        return
    listener.setblocking(False)
    server = await asyncio.start_server(health.handle, sock=listener, limit=LONGEST_REQUEST)
    try:
        yield
    finally:
        server.close()
