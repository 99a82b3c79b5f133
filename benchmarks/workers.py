"""Two workers beside one, at a partner that takes 50 ms for a call (row S7).

Batches of ten, and 16 calls at once in each worker. Without waiting for each other, two workers deliver twice as much.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from benchmarks.deliver import Delivery
from benchmarks.rows import Aim, Figures, Row, turns
from benchmarks.service import Service, service

CALL_SECONDS = 0.05
FIXED: dict[str, Any] = {
    "ACTIVATIONS_DELIVERY_CONCURRENCY": "16",
    "ACTIVATIONS_DELIVERY_CONCURRENCY_PER_ACCOUNT": "16",
}


@contextmanager
def slow_partner(seconds: float = CALL_SECONDS) -> Iterator[str]:
    """Answer each request after some time. Yields the URL."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(seconds)
        return web.json_response({})

    with serving(answer) as url:
        yield url


@contextmanager
def serving(answer: Callable[[web.Request], Awaitable[web.Response]]) -> Iterator[str]:
    """Answer all requests in a thread. Yields the URL."""
    loop = asyncio.new_event_loop()
    application = web.Application(client_max_size=2**24)
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    port = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def another_worker(running: Service) -> Iterator[None]:
    """Run a second worker of the same service."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "worker", "--data", running.data],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            "PATH": os.environ["PATH"],
            "ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1",
            "ACTIVATIONS_LOG_LEVEL": "warning",
            **FIXED,
        },
    )
    try:
        running.wait_for_workers(2)
        yield
    finally:
        process.terminate()
        process.wait(60)
        running.wait_for_workers(1)


def measure(repeats: int, scale: float) -> Figures:
    """Measure 4,000 changes with one worker, then with two, in each repeat."""
    count = int(4_000 * scale)
    found: Figures = {"x one worker": [], "calls/s of one": [], "calls/s of two": []}
    with slow_partner() as url, service(**FIXED) as running:
        delivery = Delivery(running, url, count, 10)
        delivery.seconds()
        for _ in turns(repeats):
            one = delivery.seconds()
            with another_worker(running):
                two = delivery.seconds()
            found["x one worker"].append(one / two)
            found["calls/s of one"].append(count / 10 / one)
            found["calls/s of two"].append(count / 10 / two)
    return found


ROWS = (
    Row(
        "S7",
        "two workers beside one, a partner that takes 50 ms, batches of 10",
        (Aim("x one worker", "x one worker", 1.9, at_most=False),),
        measure,
    ),
)
