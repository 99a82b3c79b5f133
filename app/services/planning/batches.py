"""The batches of a plan: their rows, their priorities, and the places that they write to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from app.domain.changes import ChangeKind
from app.snapshots.engine import Cut
from app.storage.models import Batch, Sync

PRIORITY = {ChangeKind.EXITED: 0, ChangeKind.ENTERED: 1, ChangeKind.UPDATED: 2, None: 1}
PRIORITY_OF_RESYNC = 3


def batches_of(sync: Sync, cuts: Sequence[Cut]) -> list[Batch]:
    """Build the batch rows of a plan, one for each cut."""
    resync = sync.kind == "resync"
    return [
        Batch(
            space_id=sync.space_id,
            sync_id=sync.id,
            number=number,
            kind=cut.kind.value if cut.kind else None,
            priority=PRIORITY_OF_RESYNC if resync else PRIORITY[cut.kind],
            first_row=cut.first_row,
            row_count=cut.rows,
        )
        for number, cut in enumerate(cuts, start=1)
    ]


def places_of(cuts: Sequence[Cut]) -> list[tuple[int, str | None]]:
    """Return where batches write, as ``(first row, place)``; empty if no place has a name."""
    if not any(cut.place for cut in cuts):
        return []
    runs = groupby(cuts, key=lambda cut: cut.place)
    return [(next(run).first_row, place) for place, run in runs]


def owners_until(cuts: Sequence[Cut]) -> int:
    """Return the row after the last entry that takes a key over; 0 if there is none."""
    return max((cut.first_row + cut.rows for cut in cuts if cut.takes_over), default=0)


def places_change(cuts: Sequence[Cut]) -> bool:
    """Check whether a member may leave one place and enter another: a late exit could undo the entry."""
    left = {cut.place for cut in cuts if cut.kind is ChangeKind.EXITED}
    entered = {cut.place for cut in cuts if cut.kind is ChangeKind.ENTERED}
    return any(old != new for old in left for new in entered)
