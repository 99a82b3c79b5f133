"""The rows of a plan, read by number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from app.services.platform import Platform, fetch_file
from app.snapshots.engine import StoredFile
from app.snapshots.plans import PlanRows, read_groups

WINDOW_ROWS = 10_000  # yielded at once


@dataclass(slots=True)
class PlanReader:
    """Reads the rows of a plan by number, and keeps those of whole row groups, because batches are mostly claimed in order."""

    platform: Platform
    file: StoredFile
    _path: Path | None = None
    _first: int = 0
    _rows: PlanRows | None = None
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def rows(self, first: int, count: int) -> PlanRows:
        """Return ``count`` changes from row ``first`` on. The batches in flight share one read."""
        async with self._reading:
            start = first - self._first
            if self._rows is None or start < 0 or start + count > len(self._rows):
                if self._path is None:
                    self._path = await fetch_file(self.platform.objects, self.file)
                self._first, rows = await self.platform.engine.run(
                    read_groups, self._path, first, count, lane="small"
                )
                self._rows, start = rows, first - self._first
            return self._rows[start : start + count]

    async def windows(self, first: int, count: int) -> AsyncIterator[PlanRows]:
        """Yield ``count`` changes from row ``first`` on, one window after another: a whole plan is never in memory."""
        end = first + count
        for start in range(first, end, WINDOW_ROWS):
            yield await self.rows(start, min(WINDOW_ROWS, end - start))
