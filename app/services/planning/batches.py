"""The batches of a plan: their calls, their priorities, and the places that they write to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from app.domain.changes import ChangeKind
from app.snapshots.engine import Cut
from app.storage.models import Batch, Sync

PRIORITY = {ChangeKind.EXITED: 0, ChangeKind.ENTERED: 1, ChangeKind.UPDATED: 2, None: 1}
PRIORITY_OF_RESYNC = 3


MOST_CALLS = 200  # of a batch
MOST_ROWS = 10_000  # of a batch of many calls: so many rows of a plan are read at once
SPREAD = (
    32  # a plan has at least so many batches if it has so many calls: several workers share them
)


@dataclass(slots=True)
class _Group:
    """Calls that follow each other in one batch: the first one, its number, and the rows of all together."""

    call: Cut
    number: int
    rows: int

    def takes(self, cut: Cut, calls: int) -> bool:
        """Return whether a cut is its next call, of up to ``calls``. All but the last have equally many rows."""
        first, each = self.call, self.call.rows
        return (
            self.rows + cut.rows <= min(calls * each, MOST_ROWS)
            and self.rows % each == 0
            and cut.rows <= each
            and (first.kind, first.place, first.takes_over) == (cut.kind, cut.place, cut.takes_over)
        )


def batches_of(sync: Sync, cuts: Sequence[Cut], *, many_calls: bool = False) -> Iterator[Batch]:
    """Yield the batch rows of a plan whose calls are ``cuts``. With ``many_calls``, a batch may have several of them."""
    resync = sync.kind == "resync"
    for number, group in enumerate(_grouped(cuts, many_calls=many_calls), start=1):
        yield Batch(
            space_id=sync.space_id,
            sync_id=sync.id,
            number=number,
            kind=group.call.kind.value if group.call.kind else None,
            priority=PRIORITY_OF_RESYNC if resync else PRIORITY[group.call.kind],
            first_row=group.call.first_row,
            row_count=group.rows,
            call_rows=group.call.rows if group.rows > group.call.rows else None,
            first_call=group.number,
        )


def _grouped(cuts: Sequence[Cut], *, many_calls: bool) -> Iterator[_Group]:
    calls = max(1, min(MOST_CALLS, len(cuts) // SPREAD)) if many_calls else 1
    group: _Group | None = None
    for number, cut in enumerate(cuts, start=1):
        if group is not None and group.takes(cut, calls):
            group.rows += cut.rows
            continue
        if group is not None:
            yield group
        group = _Group(cut, number, cut.rows)
    if group is not None:
        yield group


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
