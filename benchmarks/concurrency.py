"""Adaptive concurrency beside the fixed one, at partners that take 5, 50 and 300 ms for a call.

``python -m benchmarks.concurrency [repeats]``. Two services of this version: one whose calls to an account are fixed at 16 at once,
and one with the defaults. They deliver in turn, in batches of ten, to the same partner. Compare the ratios.
"""

from __future__ import annotations

import statistics
import sys

from benchmarks.deliver import Delivery
from benchmarks.service import service
from benchmarks.workers import slow_partner

FIXED = {"ACTIVATIONS_DELIVERY_CONCURRENCY_PER_ACCOUNT": "16"}
CASES = ((0.005, 600), (0.05, 1_000), (0.3, 800))  # seconds for a call, calls


def main(repeats: int = 3) -> None:
    """Measure and print seconds and ratios."""
    with service(**FIXED) as fixed, service() as adaptive:
        for seconds, calls in CASES:
            with slow_partner(seconds) as url:
                pair = [Delivery(one, url, calls * 10, 10) for one in (fixed, adaptive)]
                found = [[one.seconds() for one in pair] for _ in range(repeats)]
            ratios = [old / new for old, new in found]
            print(
                f"{seconds * 1000:4.0f} ms  {statistics.median(ratios):5.2f} x the fixed one"
                f" ({min(ratios):.2f} to {max(ratios):.2f}); "
                + ", ".join(
                    f"{calls / old:.0f} and {calls / new:.0f} calls/s" for old, new in found
                ),
                flush=True,
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
