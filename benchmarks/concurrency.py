"""Adaptive concurrency beside 16 calls at once, at partners that take 5, 50 and 300 ms for a call.

``python -m benchmarks.concurrency [repeats]``. Calls go over real sockets with the client of the connectors; no service is started.
Both ways make the same calls in turn. Compare the ratios.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

from app.connectors.http import make_client, send_request
from app.services.platform import AccountConcurrency
from benchmarks.workers import slow_partner

CASES = ((0.005, 1_000), (0.05, 1_500), (0.3, 1_500))  # seconds for a call, calls
FIXED, MOST = 16, 64
BODY = b'{"entered": []}' * 20


async def rate(url: str, calls: int, most: int) -> tuple[float, int]:
    """Return the calls per second, with as many at once as the limit allows, and the limit at the end."""
    client = make_client(outbound_allow="127.0.0.1")
    limits, flying, left = AccountConcurrency(most), set[asyncio.Task[None]](), calls

    async def one() -> None:
        with limits.call("a", 10) as watch:
            await send_request(client, "POST", url, headers={}, content=BODY)
            watch.is_passed = True

    begun = time.perf_counter()
    while left or flying:
        while left and len(flying) < limits.limit("a"):
            flying.add(asyncio.create_task(one()))
            left -= 1
        ended, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    seconds = time.perf_counter() - begun
    await client.aclose()
    return calls / seconds, limits.limit("a")


def main(repeats: int = 3) -> None:
    """Measure and print rates and ratios."""
    for seconds, calls in CASES:
        with slow_partner(seconds) as url:
            found = [
                [asyncio.run(rate(url, calls, most)) for most in (FIXED, MOST)]
                for _ in range(repeats)
            ]
        ratios = [adaptive[0] / fixed[0] for fixed, adaptive in found]
        print(
            f"{seconds * 1000:4.0f} ms  {statistics.median(ratios):5.2f} x the fixed one"
            f" ({min(ratios):.2f} to {max(ratios):.2f}); "
            + ", ".join(
                f"{fixed[0]:.0f} and {adaptive[0]:.0f} calls/s at {adaptive[1]}"
                for fixed, adaptive in found
            ),
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
