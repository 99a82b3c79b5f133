"""One member per message: processor seconds and rate of this version and another one, in turn.

``python -m benchmarks.single_events [changes] [folder of another version]``. Compare the ratios of the pairs. The row S5
(``python -m benchmarks S5``) compares with other programs.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks.deliver import CALLS, delivery, raw
from benchmarks.sink import sink


def main(count: int = 20_000, other: str | None = None) -> None:
    """Measure two pairs and print times and ratios."""
    trees = [None, *([Path(other)] if other else [])]
    with sink() as url:
        for _ in range(2):
            bare = asyncio.run(raw(count, url, 1, CALLS))
            for tree in trees:
                with delivery(count, 1, url, tree) as running:
                    ours = running.seconds()
                print(
                    f"{count / ours:8.0f} calls/s, bare aiohttp {count / bare:8.0f}/s, ratio {bare / ours:.3f}"
                    f"  {tree or 'this version'}",
                    flush=True,
                )


if __name__ == "__main__":
    main(*[int(one) if one.isdecimal() else one for one in sys.argv[1:]])  # type: ignore[arg-type]
