"""Delivery of 100,000 changes to a webhook in batches of 1,000, compared with dlt's custom destination and raw aiohttp.

``python -m benchmarks.deliver [changes]``. All three post the same rows to a minimal receiver in a separate process.
The service signs, writes attempts and receipts, and folds the outcome; the others only post. The time of the service
is the time that the sync reports, from planned to finished.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import aiohttp
import orjson

from benchmarks.service import service
from benchmarks.sink import sink

BATCH = 1_000
CONCURRENCY = 8


def rows(count: int) -> list[dict[str, Any]]:
    """Return the rows to send, each with an id and an e-mail address."""
    return [
        {"id": f"p{i}", "identifiers": {"email": f"p{i}@example.com"}, "traits": {}}
        for i in range(count)
    ]


def measure_service(count: int, url: str) -> float:
    """Return the seconds from planned to finished, the best of three syncs."""
    best = float("inf")
    with service() as running:
        audience, activation = running.webhook_activation(url, batch_size=BATCH)
        for turn in range(3):
            upload(running, audience, count, turn)
            best = min(best, wait(running, audience, activation, turn + 1, count))
    return best


def upload(running: Any, audience: str, count: int, turn: int) -> None:
    """Upload a membership that grows by ``count`` members each turn, so that the same number enters each time."""
    content = "profile_id,email\n" + "".join(
        f"p{i},p{i}@example.com\n" for i in range(count * (turn + 1))
    )
    running.call(
        "PUT",
        f"/audiences/{audience}/members",
        content=content.encode(),
        headers={"Content-Type": "text/csv"},
    )


def wait(running: Any, audience: str, activation: str, number: int, count: int) -> float:
    """Wait until that many syncs are complete. Returns the seconds that the last one took."""
    while True:
        syncs = running.syncs(audience, activation)
        if len(syncs) >= number and syncs[0]["status"] == "complete":
            last = syncs[0]
            assert last["delivered"] == count, last
            ended = datetime.fromisoformat(last["finishedAt"])
            return (ended - datetime.fromisoformat(last["plannedAt"])).total_seconds()
        time.sleep(0.1)


def measure_dlt(count: int, url: str) -> float:
    """Return the seconds of a dlt pipeline run into a custom destination that posts its batches."""
    folder = tempfile.mkdtemp(prefix="dlt-")
    os.environ["DLT_DATA_DIR"] = folder
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    import requests

    session = requests.Session()

    @dlt.destination(
        batch_size=BATCH,
        loader_file_format="typed-jsonl",
        name="sink",
        naming_convention="direct",
        max_table_nesting=0,
    )
    def post(items: Any, table: Any) -> None:
        del table
        session.post(url, data=orjson.dumps(items), timeout=20).raise_for_status()

    def source() -> Iterable[Any]:
        yield rows(count)

    pipeline = dlt.pipeline("bench", destination=post, pipelines_dir=folder, progress=None)
    begin = time.perf_counter()
    pipeline.run(source(), table_name="members")
    return time.perf_counter() - begin


async def measure_raw(count: int, url: str) -> float:
    """Return the seconds that aiohttp needs to render and post the same batches, eight at a time."""
    items = rows(count)
    gate = asyncio.Semaphore(CONCURRENCY)

    async def post(session: aiohttp.ClientSession, first: int) -> None:
        async with gate:
            body = orjson.dumps({"entered": items[first : first + BATCH]})
            async with session.post(url, data=body) as answer:
                await answer.read()

    async with aiohttp.ClientSession() as session:
        begin = time.perf_counter()
        await asyncio.gather(*(post(session, first) for first in range(0, count, BATCH)))
        return time.perf_counter() - begin


def main(count: int = 100_000) -> dict[str, float]:
    """Measure all three and print the times. Returns the ratios, ``{"dlt": …, "raw": …}``."""
    with sink() as url:
        ours = measure_service(count, url)
        raw = asyncio.run(measure_raw(count, url))
        dlt = measure_dlt(count, url)
    print(
        f"deliver {count:,} changes in batches of {BATCH:,} (aim: 4 x dlt; later 8 x, and 0.25 x raw)"
    )
    print(f"  service, plan to settled   {ours:7.2f} s   {count / ours:10,.0f} changes/s")
    print(
        f"  dlt custom destination     {dlt:7.2f} s   {count / dlt:10,.0f} rows/s     service is {dlt / ours:.1f} x"
    )
    print(
        f"  raw aiohttp, posts only    {raw:7.2f} s   {count / raw:10,.0f} rows/s     service is {raw / ours:.2f} x"
    )
    return {"dlt": dlt / ours, "raw": raw / ours}


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
