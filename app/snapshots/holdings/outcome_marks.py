"""What is known of a plan's rows when its sync is folded: two relations that the engine joins."""

# ruff: noqa: S608  (names are constants of this package)

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.batch_states import BatchEnd
from app.domain.changes import Disposition
from app.snapshots.engine import BatchOutcome, Cursor, parquet_relation

_STATES = {
    BatchEnd.RECORDED: Disposition.DELIVERED,
    BatchEnd.ATTEMPTED: Disposition.UNKNOWN,
    BatchEnd.UNTOUCHED: Disposition.PENDING,
}
_BATCHES = pa.schema(
    {"batch": pa.int64(), "first_row": pa.int64(), "rows": pa.int64(), "disposition": pa.string()}
)
#: Code and words of a change whose profile may have been renamed after it was delivered.
RENAMED_CODE = "profile_renamed"
RENAMED_WORDS = "the partner has one profile for this member and another one; both are sent again"
_RENAMED = {
    "disposition": Disposition.UNKNOWN.value,
    "code": RENAMED_CODE,
    "message": RENAMED_WORDS,
}
_EXCEPTIONS = pa.schema(
    {
        "row": pa.int64(),
        "disposition": pa.string(),
        "code": pa.string(),
        "message": pa.string(),
        "partner_id": pa.string(),
        "identity": pa.string(),
        "filled": pa.string(),
    }
)
_MOST = 20_000  # rows that are kept in memory
_KEPT = "kept_marks"  # the relation of what batches say


class OutcomeMarks:
    """What is known of the changes of a plan, from its batches. Many marks are kept in two files, which the end deletes.

    The files are beside ``beside``. ``has_partner_ids`` and ``has_unknown`` say whether any change has such a mark.
    """

    def __init__(self, beside: Path) -> None:
        self._batches = _Rows(_BATCHES, beside.with_name(f"{beside.name}.batches"))
        self._exceptions = _Rows(_EXCEPTIONS, beside.with_name(f"{beside.name}.exceptions"))
        self.has_partner_ids = self.has_unknown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._batches.delete()
        self._exceptions.delete()

    def add(self, batches: Iterable[BatchOutcome]) -> None:
        """Add the marks of the next batches. All marks of a batch are added at once."""
        for batch in batches:
            self._batches.add([_batch(batch)])
            self._exceptions.add(_exceptions(batch))
            self.has_partner_ids |= bool(batch.partner_ids)
            self.has_unknown |= bool(batch.unknown)

    @contextmanager
    def shown(self, cursor: Cursor) -> Iterator[None]:
        """Give the engine the relations ``batch_marks`` and ``exception_marks`` while the block runs.

        ``batch_marks`` has a row for each batch: ``batch, first_row, rows``, and the ``disposition`` of its rows without a mark.
        ``exception_marks`` has a row for each change that differs from its batch: ``row, disposition, code, message, partner_id,
        identity, filled``.
        """
        with self._batches.shown(cursor, "batch_marks"), self._exceptions.shown(cursor, _KEPT):
            try:
                _show(cursor, f"SELECT * FROM {_KEPT}")
                yield
            finally:
                cursor.execute("DROP VIEW IF EXISTS exception_marks")


def _show(cursor: Cursor, query: str) -> None:
    cursor.execute(f"CREATE OR REPLACE TEMP VIEW exception_marks AS {query}")


@contextmanager
def with_renamed(cursor: Cursor, rows: Collection[int]) -> Iterator[None]:
    """Let ``exception_marks`` say while the block runs that some rows of the plan are unknown, whatever their batch says."""
    found = pa.table({"row": pa.array(sorted(rows), pa.int64())})
    shown = ", ".join(
        f"CASE WHEN renamed.row IS NULL THEN kept.{name} ELSE '{value}' END AS {name}"
        for name, value in _RENAMED.items()
    )
    cursor.register("renamed_rows", found)
    try:
        _show(
            cursor,
            f"""SELECT coalesce(kept.row, renamed.row) AS row, {shown}, kept.partner_id, kept.identity, kept.filled
            FROM {_KEPT} AS kept FULL JOIN renamed_rows AS renamed ON kept.row = renamed.row""",
        )
        yield
    finally:
        _show(cursor, f"SELECT * FROM {_KEPT}")
        cursor.unregister("renamed_rows")


class _Rows:
    """Rows of a table: in memory while they are few, and in a file otherwise."""

    def __init__(self, schema: pa.Schema, path: Path) -> None:
        self._schema, self._path = schema, path
        self._kept: list[Mapping[str, Any]] = []
        self._writer: Any = None

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._kept.extend(rows)
        if len(self._kept) >= _MOST:
            self._write()

    def _write(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, self._schema, compression="lz4")
        self._writer.write_table(self._table())
        self._kept = []

    def _table(self) -> pa.Table:
        return pa.Table.from_pylist(self._kept, self._schema)

    @contextmanager
    def shown(self, cursor: Cursor, name: str) -> Iterator[None]:
        """Give the engine the rows as a relation while the block runs. No rows are added after that."""
        if self._writer is None:
            cursor.register(name, self._table())
            try:
                yield
            finally:
                cursor.unregister(name)
            return
        if self._kept:
            self._write()
        self._writer.close()
        cursor.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {parquet_relation([self._path])}"
        )
        try:
            yield
        finally:
            cursor.execute(f"DROP VIEW IF EXISTS {name}")

    def delete(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._path.unlink(missing_ok=True)


def _batch(batch: BatchOutcome) -> dict[str, Any]:
    return {
        "batch": batch.number,
        "first_row": batch.first_row,
        "rows": batch.rows,
        "disposition": _STATES[batch.state].value,
    }


def _exceptions(batch: BatchOutcome) -> list[dict[str, Any]]:
    """Return a row for each change with marks, in the order of the plan. Marks count only if the batch is recorded."""
    marks: dict[int, dict[str, Any]] = {}
    for row, values in _marks(batch):
        marks.setdefault(row, {"row": row}).update(values)
    return [marks[row] for row in sorted(marks)]


def _marks(batch: BatchOutcome) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield row and values of each mark."""
    if batch.state is not BatchEnd.RECORDED:
        return
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
