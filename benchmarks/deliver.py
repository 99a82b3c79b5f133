"""Delivery to a webhook, from planned to settled, beside dlt's custom destination and raw aiohttp (rows S4, S5 and S16).

All post the same rows to a minimal receiver in a separate process. The service signs, writes attempts and receipts, and
folds the outcome; the others only post. The time of the service is the time that the sync reports.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from benchmarks.peers import run_peer
from benchmarks.rows import Aim, Figures, Row, turns
from benchmarks.service import Service, service
from benchmarks.sink import sink

BATCH = 1_000
CONCURRENCY = 8  # batches at once, of raw aiohttp
CALLS = (
    16  # single events at once, of raw aiohttp; the service's own limit for an account is the same
)


def rows(count: int) -> list[dict[str, Any]]:
    """Return the rows to send, each with an id and an e-mail address."""
    return [
        {"id": f"p{i}", "identifiers": {"email": f"p{i}@example.com"}, "traits": {}}
        for i in range(count)
    ]


class Delivery:
    """An activation to a webhook whose audience grows by the same number of members each turn."""

    def __init__(self, running: Service, url: str, count: int, batch: int) -> None:
        self._running = running
        self._count = count
        self._turn = 0
        self._audience, self._activation = running.webhook_activation(url, batch_size=batch)

    def seconds(self) -> float:
        """Let the next members enter. Returns the seconds from planned to settled."""
        self._turn += 1
        content = "profile_id,email\n" + "".join(
            f"p{i},p{i}@example.com\n" for i in range(self._count * self._turn)
        )
        path = f"/audiences/{self._audience}/members"
        csv = {"Content-Type": "text/csv"}
        self._running.call("PUT", path, content=content.encode(), headers=csv)
        while True:
            syncs = self._running.syncs(self._audience, self._activation)
            if len(syncs) >= self._turn and syncs[0]["status"] == "complete":
                last = syncs[0]
                assert last["delivered"] == self._count, last
                ended = datetime.fromisoformat(last["finishedAt"])
                return (ended - datetime.fromisoformat(last["plannedAt"])).total_seconds()
            time.sleep(0.1)


@contextmanager
def delivery(count: int, batch: int, url: str, tree: Path | None = None) -> Iterator[Delivery]:
    """Start a service (of another version with ``tree``) with such an activation."""
    with service(tree) as running:
        yield Delivery(running, url, count, batch)


async def raw(count: int, url: str, batch: int, lanes: int) -> float:
    """Return the seconds that aiohttp needs to render and post the same batches, so many at a time."""
    items = rows(count)
    left = iter(range(0, count, batch))

    async def lane(session: aiohttp.ClientSession) -> None:
        for first in left:
            body = orjson.dumps({"entered": items[first : first + batch]})
            async with session.post(url, data=body) as answer:
                await answer.read()

    async with aiohttp.ClientSession() as session:
        begin = time.perf_counter()
        await asyncio.gather(*(lane(session) for _ in range(lanes)))
        return time.perf_counter() - begin


def _beside(repeats: int, count: int, batch: int, lanes: int, dlt_rows: int) -> Figures:
    """Measure all three in turn. Rates are compared, since dlt gets fewer rows where it is slow."""
    found: Figures = {"x dlt": [], "x raw": [], "changes/s": []}
    with sink() as url, delivery(count, batch, url) as ours:
        ours.seconds()
        for _ in turns(repeats):
            own = count / ours.seconds()
            other = dlt_rows / run_peer("dlt_sink", url, dlt_rows, batch)["seconds"]
            found["x dlt"].append(own / other)
            found["x raw"].append(own / (count / asyncio.run(raw(count, url, batch, lanes))))
            found["changes/s"].append(own)
    return found


def batches(repeats: int, scale: float) -> Figures:
    """Measure 100,000 changes in batches of 1,000."""
    count = int(100_000 * scale)
    return _beside(repeats, count, BATCH, CONCURRENCY, count)


def single_events(repeats: int, scale: float) -> Figures:
    """Measure 20,000 changes of one request each."""
    return _beside(repeats, int(20_000 * scale), 1, CALLS, int(2_000 * scale))


def first_delivery(repeats: int, scale: float) -> Figures:
    """Measure the first delivery of 10 M members in batches of 10,000. Each repeat starts with a new audience."""
    count = int(10_000_000 * scale)
    rates, raw_rates = [], []
    with sink() as url, service() as running:
        for _ in turns(min(repeats, 2)):  # each takes minutes
            rates.append(count / Delivery(running, url, count, 10_000).seconds())
            part = count // 10
            raw_rates.append(part / asyncio.run(raw(part, url, 10_000, CONCURRENCY)))
    ratios = [own / other for own, other in zip(rates, raw_rates, strict=True)]
    return {"rows/s": rates, "x raw": ratios}


ROWS = (
    Row(
        "S4",
        "100,000 changes in batches of 1,000, plan to settled",
        (
            Aim("x dlt", "x dlt's custom destination", 8, at_most=False),
            Aim("x raw", "x raw aiohttp", 0.08, at_most=False),
        ),
        batches,
    ),
    Row(
        "S5",
        "20,000 changes, one event per request",
        (
            Aim("x raw", "x bare aiohttp", 0.4, at_most=False),
            Aim("x dlt", "x dlt one by one", 4, at_most=False),
        ),
        single_events,
    ),
    Row(
        "S16",
        "first delivery of 10 M members in batches of 10,000, plan to settled",
        (Aim("rows/s", "rows/s", 150_000, at_most=False),),
        first_delivery,
    ),
)
