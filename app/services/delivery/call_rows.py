"""The rendered rows of the calls of a batch: those of small calls are read and parsed for many calls at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.domain.call_progress import Range
from app.services.delivery.loaded_sync import LoadedSync
from app.services.delivery.render import Rows
from app.snapshots.engine import PlannedChange
from app.storage.models import Batch

#: Calls of up to so many rows are rendered row by row, larger ones by columns. It decides how numbers are written, so it
#: must not change while a sync is open: a retry has the same bytes.
SMALL = 20
PARSED = 500  # rows that are parsed at once


@dataclass(slots=True)
class CallRows:
    """Renders the calls of one batch."""

    loaded: LoadedSync
    batch: Batch
    _first: int = 0
    _changes: Sequence[PlannedChange] = field(default_factory=list)

    async def of(self, call: Range) -> Rows:
        """Return the deliveries of a call."""
        first, end = call
        each = self.batch.call_rows or 1
        if each > SMALL:
            return await self.loaded.rows(self.batch.first_row + first, end - first)
        start = first - self._first
        if start < 0 or start + end - first > len(self._changes):
            await self._parse(first, each)
            start = first - self._first
        return self.loaded.renderer.render_all(self._changes[start : start + end - first])

    async def _parse(self, first: int, each: int) -> None:
        """Parse the rows of the calls from row ``first`` on."""
        reader, batch = self.loaded.reader, self.batch
        assert reader is not None  # noqa: S101  a batch has rows, so there is a plan
        count = min(each * max(1, PARSED // each), batch.row_count - first)
        changes = list(await reader.rows(batch.first_row + first, count))
        self._first, self._changes = first, changes
