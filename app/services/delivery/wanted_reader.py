"""The whole wanted membership of a sync, read in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from app.services.platform import Platform, fetch_manifest
from app.snapshots.engine import Manifest, PlannedChange, PlanSpec, key_position
from app.snapshots.plans import read_wanted

PAGE_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class WantedReader:
    """Reads the wanted members from the snapshots that a sync has pinned."""

    platform: Platform
    spec: PlanSpec
    snapshots: Sequence[Manifest]

    async def pages(self) -> AsyncIterator[Sequence[PlannedChange]]:
        """Yield all members as changes that enter, in the order of their keys."""
        local = [await fetch_manifest(self.platform.objects, one) for one in self.snapshots]
        after: str | None = None
        while True:
            page = await self.platform.engine.run(
                read_wanted, self.spec, local, after, PAGE_ROWS, lane="small"
            )
            if not page:
                return
            yield page
            after = key_position(page[-1])
