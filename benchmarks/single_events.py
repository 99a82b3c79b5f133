"""One member per message: the service beside bare aiohttp, both with 16 calls side by side, in turn with another version.

``python -m benchmarks.single_events [changes] [folder of another version]``. Compare the ratios of the pairs.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import aiohttp
import orjson

from benchmarks.deliver import rows, upload, wait
from benchmarks.service import service
from benchmarks.sink import sink

CONCURRENCY = 16


def measure_service(count: int, url: str, tree: Path | None = None) -> float:
    """Return the seconds from planned to finished."""
    with service(tree) as running:
        audience, activation = running.webhook_activation(url, batch_size=1)
        upload(running, audience, count, 0)
        return wait(running, audience, activation, 1, count)


async def measure_raw(count: int, url: str) -> float:
    """Return the seconds that aiohttp needs to post the same members, one by one."""
    left = iter(rows(count))

    async def lane(session: aiohttp.ClientSession) -> None:
        for row in left:
            async with session.post(url, data=orjson.dumps({"entered": [row]})) as answer:
                await answer.read()

    async with aiohttp.ClientSession() as session:
        begin = time.perf_counter()
        await asyncio.gather(*(lane(session) for _ in range(CONCURRENCY)))
        return time.perf_counter() - begin


def main(count: int = 20_000, other: str | None = None) -> None:
    """Measure two pairs and print times and ratios."""
    trees = [None, *([Path(other)] if other else [])]
    with sink() as url:
        for _ in range(2):
            raw = asyncio.run(measure_raw(count, url))
            for tree in trees:
                ours = measure_service(count, url, tree)
                print(
                    f"{count / ours:8.0f} calls/s, bare aiohttp {count / raw:8.0f}/s, ratio {raw / ours:.3f}"
                    f"  {tree or 'this version'}",
                    flush=True,
                )


if __name__ == "__main__":
    main(*[int(one) if one.isdecimal() else one for one in sys.argv[1:]])  # type: ignore[arg-type]
