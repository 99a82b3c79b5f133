"""One member patched into an audience until the receiver has it, with and without Redis, and during a large recompute (row S8)."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.rows import Aim, Figures, Row, percentile
from benchmarks.service import Service, database, service

PAUSE = 0.3  # seconds between two changes, so that each finds a quiet audience
PATIENCE = 60.0


class Arrivals:
    """A receiver that notes when each e-mail address arrived first."""

    def __init__(self) -> None:
        self.bodies: list[tuple[float, bytes]] = []
        self.news = threading.Condition()

    def wait_for(self, text: str) -> float:
        """Return the time at which a body with this text arrived."""
        end = time.monotonic() + PATIENCE
        with self.news:
            while True:
                for at, body in reversed(self.bodies):
                    if text.encode() in body:
                        return at
                if time.monotonic() > end:
                    raise TimeoutError(text)
                self.news.wait(1)


@contextlib.contextmanager
def receiver() -> Iterator[tuple[str, Arrivals]]:
    """Receive posts while the block runs. Yields the URL and what arrives."""
    arrivals = Arrivals()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with arrivals.news:
                arrivals.bodies.append((time.monotonic(), body))
                arrivals.news.notify_all()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", arrivals
    finally:
        server.shutdown()


def prepare(running: Service, url: str, members: int) -> str:
    """Create an audience of that many members, all delivered as a baseline. Returns its id."""
    audience, activation = running.webhook_activation(url)
    content = "profile_id,email\n" + "".join(f"p{i},p{i}@example.com\n" for i in range(members))
    running.call("PUT", f"/audiences/{audience}/members", content=content.encode(),
                 headers={"Content-Type": "text/csv"})  # fmt: skip
    end = time.monotonic() + PATIENCE
    while not [one for one in running.syncs(audience, activation) if one["status"] == "complete"]:
        if time.monotonic() > end:
            raise TimeoutError("the first sync")
        time.sleep(0.1)
    return audience


def patch(running: Service, audience: str, arrivals: Arrivals, name: str) -> float:
    """Add one member. Returns the seconds until the receiver has it."""
    begin = time.monotonic()
    row = {"profile_id": name, "email": f"{name}@example.com"}
    running.call("PATCH", f"/audiences/{audience}/members", json={"add": [row]})
    return arrivals.wait_for(f"{name}@example.com") - begin


class Recomputes:
    """A large definition that is computed again and again in a thread."""

    def __init__(self, running: Service, rows: int) -> None:
        dataset = running.call("POST", "/datasets", json={"name": "large", "kind": "upload"})[
            "dataset"
        ]["id"]
        lines = ("id,email\n", *(f"m{i},m{i}@example.com\n" for i in range(rows)))
        running.call("PUT", f"/datasets/{dataset}/content", content="".join(lines).encode(),
                     headers={"Content-Type": "text/csv"})  # fmt: skip
        query = "SELECT id AS profile_id, email, md5(id || $as_of::VARCHAR) AS mark FROM large"
        self._audience = running.call("POST", "/audiences", json={
            "name": "Large", "audienceType": "USERS", "definition": {"query": query, "type": "USERS"}})["audience"]["id"]  # fmt: skip
        self._running, self.done, self._over = running, 0, threading.Event()

    def __enter__(self) -> Recomputes:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        time.sleep(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        path = f"/audiences/{self._audience}/runs"
        while not self._over.is_set():
            run = self._running.call("POST", path, json={})["run"]["id"]
            while self._running.call("GET", f"{path}/{run}")["run"]["status"] not in (
                "complete",
                "failed",
            ):
                time.sleep(0.05)
            self.done += 1


def _many(
    running: Service, audience: str, arrivals: Arrivals, changes: int, name: str
) -> list[float]:
    """Patch member after member. Returns the seconds of each."""
    patch(running, audience, arrivals, f"{name}first")
    times = []
    for number in range(changes):
        time.sleep(PAUSE)
        times.append(patch(running, audience, arrivals, f"{name}{number}x"))
    return times


def _part(running: Service, members: int, changes: int, rows: int) -> dict[str, list[float]]:
    """Measure changes on a quiet service, and if ``rows`` is given during recomputes of that many rows."""
    with receiver() as (url, arrivals):
        audience = prepare(running, url, members)
        found = {"quiet": _many(running, audience, arrivals, changes, "q")}
        if rows:
            with Recomputes(running, rows) as recomputes:
                found["recompute"] = _many(running, audience, arrivals, changes, "r")
            assert recomputes.done, "no recompute ended in this time, so nothing was measured"
        return found


def measure(repeats: int, scale: float) -> Figures:
    """Measure eight changes in each repeat, into 100,000 members and beside a recompute of 1 M rows."""
    members, rows, changes = int(100_000 * scale), int(1_000_000 * scale), 8 * repeats
    with service() as running:
        found = _part(running, members, changes, rows)
    with database() as url, service(DATABASE_URL=url) as running:
        without = _part(running, members, changes, 0)["quiet"]
    parts = {"quiet": found["quiet"], "recompute": found["recompute"], "without Redis": without}
    return {
        f"{name} p{share:.0%}".rstrip("%") + " s": [percentile(times, share)]
        for name, times in parts.items()
        for share in (0.5, 0.95)
    }


ROWS = (
    Row(
        "S8",
        "one profile patched into 100,000 until the receiver has it",
        (
            Aim("quiet p50 s", "s, median", 0.25),
            Aim("quiet p95 s", "s, 95 of 100", 0.5),
            Aim("recompute p95 s", "s, 95 of 100, during a recompute of 1 M rows", 1.5),
            Aim("without Redis p95 s", "s, 95 of 100, without Redis", 1),
        ),
        measure,
    ),
)
