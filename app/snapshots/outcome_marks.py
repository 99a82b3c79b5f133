"""What is known of a plan's rows when its sync is folded, as one table that the engine can join."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from app.domain.changes import Disposition
from app.snapshots.types import BatchOutcome

_STATES = {
    "settled": Disposition.DELIVERED,
    "attempted": Disposition.UNKNOWN,
    "untouched": Disposition.PENDING,
}


def outcome_marks(batches: Sequence[BatchOutcome]) -> pa.Table:
    """One row for each row of a batch: ``row, batch, disposition, code, message, partner_id``."""
    ordered = sorted(batches, key=lambda batch: batch.first_row)
    sizes = np.array([batch.rows for batch in ordered], dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    firsts = np.array([batch.first_row for batch in ordered], dtype=np.int64)
    total = int(sizes.sum())
    rows = np.arange(total) + np.repeat(firsts - starts, sizes)
    codes = [list(Disposition).index(_STATES[batch.state]) for batch in ordered]
    disposition = np.repeat(np.array(codes, dtype=np.int8), sizes)
    names = pa.array([entry.value for entry in Disposition], pa.string())
    reasons: dict[int, tuple[str, str]] = {}
    partners: dict[int, str] = {}
    for start, batch in zip(starts.tolist(), ordered, strict=True):
        _note(batch, start, disposition, reasons, partners)
    columns: dict[str, Any] = {
        "row": rows,
        "batch": np.repeat(np.array([batch.number for batch in ordered], dtype=np.int64), sizes),
        "disposition": names.take(pa.array(disposition, pa.int8())),
        "code": _sparse(total, {place: code for place, (code, _) in reasons.items()}),
        "message": _sparse(total, {place: words for place, (_, words) in reasons.items()}),
        "partner_id": _sparse(total, partners),
    }
    return pa.table(columns)


def _note(
    batch: BatchOutcome,
    start: int,
    disposition: np.ndarray[tuple[int], np.dtype[np.int8]],
    reasons: dict[int, tuple[str, str]],
    partners: dict[int, str],
) -> None:
    """The exceptions of a batch; they count only where it was settled."""
    if batch.state != "settled":
        return
    for fate, entries in (
        (Disposition.REJECTED, batch.rejected),
        (Disposition.SKIPPED, batch.skipped),
    ):
        for index, reason in entries.items():
            disposition[start + index] = list(Disposition).index(fate)
            reasons[start + index] = reason
    for index, partner in batch.partner_ids.items():
        partners[start + index] = partner


def _sparse(total: int, values: dict[int, str]) -> Any:
    """A text column that has few values."""
    if not values:
        return pa.nulls(total, pa.string())
    column = np.full(total, None, dtype=object)
    for place, value in values.items():
        column[place] = value
    return pa.array(column, pa.string())
