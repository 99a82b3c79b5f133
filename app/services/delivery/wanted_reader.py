"""The whole wanted membership of a sync, read in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from app.services.platform import Platform, fetch_manifest
from app.snapshots.engine import Manifest, PlanSpec, key_position
from app.snapshots.plans import PlanRows, read_wanted

PAGE_ROWS = 5_000
#: A query takes longer than to read 5,000 short rows, so many pages are read at once, unless their rows are long.
MOST_AT_ONCE = 20
MOST_BYTES = 32 * 1024**2


@dataclass(frozen=True, slots=True)
class WantedReader:
    """Reads the wanted members from the snapshots that a sync has pinned."""

    platform: Platform
    spec: PlanSpec
    snapshots: Sequence[Manifest]

    async def pages(self) -> AsyncIterator[PlanRows]:
        """Yield all members as changes that enter, in the order of their keys."""
        local = [await fetch_manifest(self.platform.objects, one) for one in self.snapshots]
        after: str | None = None
        pages = 1
        while True:
            rows = await self.platform.engine.run(
                read_wanted, self.spec, local, after, pages * PAGE_ROWS, lane="small"
            )
            if not rows:
                return
            for first in range(0, len(rows), PAGE_ROWS):
                yield rows[first : first + PAGE_ROWS]
            after = key_position(rows[-1:][0])
            pages = _pages_at_once(rows)


def _pages_at_once(rows: PlanRows) -> int:
    """Return how many pages to read at once, if the next rows are as long as these."""
    fitting = MOST_BYTES * len(rows) // max(1, rows.size)
    return max(1, min(MOST_AT_ONCE, fitting // PAGE_ROWS))
