"""What is known of a plan's rows when its sync is folded: two small tables that the engine joins."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

from app.domain.batch_states import BatchEnd
from app.domain.changes import Disposition
from app.snapshots.engine import BatchOutcome

_STATES = {
    BatchEnd.RECORDED: Disposition.DELIVERED,
    BatchEnd.ATTEMPTED: Disposition.UNKNOWN,
    BatchEnd.UNTOUCHED: Disposition.PENDING,
}
_BATCHES: dict[str, pa.DataType] = {
    "batch": pa.int64(),
    "first_row": pa.int64(),
    "rows": pa.int64(),
    "disposition": pa.string(),
}
#: Code and words of a change whose profile may have been renamed after it was delivered.
RENAMED_CODE = "profile_renamed"
RENAMED_WORDS = "the partner has one profile for this member and another one; both are sent again"
_RENAMED = {
    "disposition": Disposition.UNKNOWN.value,
    "code": RENAMED_CODE,
    "message": RENAMED_WORDS,
}
_EXCEPTIONS: dict[str, pa.DataType] = {
    "row": pa.int64(),
    "disposition": pa.string(),
    "code": pa.string(),
    "message": pa.string(),
    "partner_id": pa.string(),
    "identity": pa.string(),
    "filled": pa.string(),
}


def batch_marks(batches: Sequence[BatchOutcome]) -> pa.Table:
    """Build a row for each batch: ``batch, first_row, rows``, and the ``disposition`` of its rows without a mark."""
    rows = [
        {
            "batch": batch.number,
            "first_row": batch.first_row,
            "rows": batch.rows,
            "disposition": _STATES[batch.state].value,
        }
        for batch in batches
    ]
    return pa.Table.from_pylist(rows, pa.schema(_BATCHES))


def exception_marks(batches: Sequence[BatchOutcome], renamed: Collection[int] = ()) -> pa.Table:
    """Build a row for each change that differs from its batch. The rows ``renamed`` are unknown, whatever the batch says.

    Its columns are ``row, disposition, code, message, partner_id, identity, filled``.
    """
    marks: dict[int, dict[str, Any]] = {}
    for row, values in _exceptions(batches):
        marks.setdefault(row, {"row": row}).update(values)
    for row in renamed:
        marks.setdefault(row, {"row": row}).update(_RENAMED)
    return pa.Table.from_pylist(list(marks.values()), pa.schema(_EXCEPTIONS))


def _exceptions(batches: Sequence[BatchOutcome]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield row and values of each mark. Marks count only if the batch is recorded."""
    for batch in batches:
        if batch.state is not BatchEnd.RECORDED:
            continue
        for disposition, reasons in (
            (Disposition.REJECTED, batch.rejected),
            (Disposition.SKIPPED, batch.skipped),
            (Disposition.UNKNOWN, batch.unknown),
            (Disposition.DELIVERED, batch.notes),
        ):
            for index, (code, message) in reasons.items():
                values = {"disposition": disposition.value, "code": code, "message": message}
                yield batch.first_row + index, values
        for index, partner in batch.partner_ids.items():
            yield batch.first_row + index, {"partner_id": partner}
        for index, accepted in batch.identities.items():
            yield batch.first_row + index, {"identity": orjson.dumps(accepted).decode()}
        for index, names in batch.filled.items():
            yield batch.first_row + index, {"filled": orjson.dumps(names).decode()}
