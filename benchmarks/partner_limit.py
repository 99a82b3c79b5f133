"""How much of a partner's limit one incremental sync uses, without a 429 (row S21).

The partner counts calls in a sliding window, the strictest form: a call is refused if the window before it already has as many
as the limit. It takes 50 ms for a call. The service knows the limit as it knows that of Klaviyo: from the definition of the
destination, which ``python -m benchmarks.partner_limit`` changes before it starts the command line.

A run takes 30 s for each limit. ``--scale 20 --repeats 1`` takes ten minutes for each.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from aiohttp import web

from benchmarks.rows import Aim, Figures, Row, turns
from benchmarks.service import service
from benchmarks.workers import CALL_SECONDS, serving

SECONDS = 30
RECORDS = 10  # in one call
LIMITS = ((100, 10.0), (20, 1.0))  # calls in a window of seconds
_CALLS, _WINDOW = "BENCH_CALLS", "BENCH_WINDOW"


@dataclass
class Partner:
    """A receiver with a limit."""

    calls: int
    window: float
    accepted: list[float] = field(default_factory=list)
    refused: int = 0
    _recent: deque[float] = field(default_factory=deque)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request: 429 if the window before it is full."""
        await request.read()
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - self.window:
            self._recent.popleft()
        if len(self._recent) >= self.calls:
            self.refused += 1
            return web.Response(status=429, headers={"retry-after": "1"})
        self._recent.append(now)
        self.accepted.append(now)
        await asyncio.sleep(CALL_SECONDS)
        return web.json_response({})

    def share(self, seconds: float) -> float:
        """Return which share of the limit arrived in so many seconds after the first call."""
        first = self.accepted[0]
        arrived = sum(at < first + seconds for at in self.accepted)
        return arrived / (self.calls / self.window * seconds)


@contextmanager
def limited(calls: int, window: float) -> Iterator[tuple[Partner, str]]:
    """Run a partner with such a limit. Yields it and its URL."""
    partner = Partner(calls, window)
    with serving(partner.answer) as url:
        yield partner, url


def used(calls: int, window: float, seconds: float) -> tuple[float, int]:
    """Return the share of the limit that a sync uses, and how many calls were refused."""
    members = int(calls / window * (seconds + 5) * RECORDS)
    content = "profile_id,email\n" + "".join(f"p{i},p{i}@example.com\n" for i in range(members))
    limit = {_CALLS: str(calls), _WINDOW: str(window)}
    with (
        limited(calls, window) as (partner, url),
        service(module="benchmarks.partner_limit", **limit) as running,
    ):
        audience, _ = running.webhook_activation(url, batch_size=RECORDS)
        running.call(
            "PUT",
            f"/audiences/{audience}/members",
            content=content.encode(),
            headers={"Content-Type": "text/csv"},
        )
        end = time.monotonic() + 120
        while not partner.accepted:
            if time.monotonic() > end:
                raise TimeoutError("no call arrived")
            time.sleep(0.05)
        time.sleep(max(0.0, partner.accepted[0] + seconds + 0.2 - time.monotonic()))
        return partner.share(seconds), partner.refused


def measure(repeats: int, scale: float) -> Figures:
    """Measure each limit in each repeat, with a service of its own."""
    found: Figures = {}
    for _ in turns(repeats):
        for calls, window in LIMITS:
            share, refused = used(calls, window, SECONDS * scale)
            found.setdefault(f"share of {calls} in {window:g} s", []).append(share)
            found.setdefault("429s", []).append(refused)
    return found


def main() -> None:
    """Run the command line of the service, with this limit for webhooks."""
    from app.cli.__main__ import main as command_line
    from app.connectors.base import RateBudget
    from app.connectors.destinations.webhook.connector import WebhookConnector

    window = timedelta(seconds=float(os.environ[_WINDOW]))
    budget = RateBudget("calls", int(os.environ[_CALLS]), window)
    WebhookConnector.definition = replace(WebhookConnector.definition, rate_budgets=(budget,))
    sys.exit(command_line())


ROWS = (
    Row(
        "S21",
        "one incremental sync at a partner with a limit, for 30 s each",
        (
            Aim("share of 100 in 10 s", "of the partner's limit", 0.95, at_most=False),
            Aim("share of 20 in 1 s", "of the partner's limit", 0.9, at_most=False),
            Aim("429s", "calls refused", 0),
        ),
        measure,
    ),
)

if __name__ == "__main__":
    main()
