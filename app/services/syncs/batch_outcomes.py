"""What the rows of batches say about their changes when a sync is folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from app.domain.batch_states import BatchEnd, BatchState
from app.domain.call_progress import Range, fates, read_progress
from app.snapshots.engine import BatchOutcome
from app.storage.models import Batch

V = TypeVar("V")


def outcomes_of(batches: Sequence[Batch]) -> list[BatchOutcome]:
    """Return what is known of the changes of some batches: several outcomes of a batch of which a part has receipts."""
    return [outcome for batch in batches for outcome in outcomes_of_batch(batch)]


def outcomes_of_batch(batch: Batch) -> Iterator[BatchOutcome]:
    """Yield what a batch's row says of its changes, for each range of rows with one fate."""
    if batch.state == BatchState.RECORDED:
        yield _recorded(batch, (0, batch.row_count))
        return
    is_in_doubt = batch.ambiguous or batch.state == BatchState.SENDING
    for rows, fate in fates(batch.row_count, read_progress(batch.progress)):
        if fate == "done":
            yield _recorded(batch, rows)
        else:
            attempted = is_in_doubt or fate == "unknown"
            yield _open(batch, rows, BatchEnd.ATTEMPTED if attempted else BatchEnd.UNTOUCHED)


def _open(batch: Batch, rows: Range, state: BatchEnd) -> BatchOutcome:
    first, end = rows
    return BatchOutcome(batch.number, batch.first_row + first, end - first, state)


def _recorded(batch: Batch, rows: Range) -> BatchOutcome:
    kept: Mapping[str, Any] = batch.receipts or {}
    first, end = rows

    def part(name: str) -> dict[int, Any]:
        return _within({int(index): one for index, one in (kept.get(name) or {}).items()}, rows)

    names = {index: one["names"] for one in kept.get("filled") or () for index in one["indexes"]}
    return BatchOutcome(
        number=batch.number,
        first_row=batch.first_row + first,
        rows=end - first,
        state=BatchEnd.RECORDED,
        rejected=_refusals(part("rejected")),
        skipped=_refusals(part("skipped")),
        unknown=_refusals(part("unknown")),
        notes=_refusals(part("notes")),
        partner_ids=part("partnerIds"),
        identities=part("identities"),
        filled=_within(names, rows),
    )


def _within(values: Mapping[int, V], rows: Range) -> dict[int, V]:
    """Return the values of some rows, by their index among these."""
    first, end = rows
    return {index - first: value for index, value in values.items() if first <= index < end}


def _refusals(kept: Mapping[int, Mapping[str, str]]) -> dict[int, tuple[str, str]]:
    return {index: (one["code"], one["message"]) for index, one in kept.items()}
