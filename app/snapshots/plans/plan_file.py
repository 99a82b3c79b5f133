"""The file of a plan, written in order.

Columns: ``row`` (NULL: folded without sending), ``kind, k, key_type, place, member_id, profile_id, identity, traits,
entities`` (JSON texts), ``wanted, fp1, filled``, and the key's row in the holdings before the plan: ``old_…`` and
``partner_id``. NULLs have the meaning that they have in the holdings (``holding_rows``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.domain.changes import ChangeKind
from app.snapshots.engine import (
    ROW_GROUP,
    Cursor,
    Cut,
    FileFormat,
    PlanSpec,
    format_metadata,
)
from app.snapshots.plans.cuts import TAKES_OVER, Cutter

_FEWEST = 10_000  # rows of a row group, the smallest part of the file that is read
_LONGEST = 16 * 1024**2  # bytes of the values of a row group that has more rows than that
_PART = 100  # of the rows before it, a row group may have this part
_KINDS = [None, ChangeKind.EXITED.value, ChangeKind.ENTERED.value, ChangeKind.UPDATED.value]

_COLUMNS: list[tuple[str, Any]] = [
    ("row", pa.int64()),
    ("kind", pa.string()),
    ("k", pa.string()),
    ("key_type", pa.string()),
    ("place", pa.string()),
    ("member_id", pa.string()),
    ("profile_id", pa.string()),
    ("identity", pa.string()),
    ("traits", pa.string()),
    ("entities", pa.string()),
    ("wanted", pa.bool_()),
    ("fp1", pa.uint64()),
    ("old_held", pa.string()),
    ("old_fp1", pa.uint64()),
    ("old_refused", pa.uint64()),
    ("old_identity", pa.string()),
    ("old_member_id", pa.string()),
    ("old_profile_id", pa.string()),
    ("partner_id", pa.string()),
    ("old_sync", pa.int64()),
    ("filled", pa.string()),
    ("old_filled", pa.string()),
    ("old_unknowns", pa.uint8()),
]
SCHEMA = pa.schema(_COLUMNS)


class PlanWriter:
    """Writes the rows of queries in order, numbers them and cuts them into batches."""

    def __init__(self, out: Path, spec: PlanSpec) -> None:
        repetitive: Any = ["kind", "key_type", "place", "old_held", "filled", "old_filled"]
        self._writer = pq.ParquetWriter(
            out,
            SCHEMA.with_metadata(dict(format_metadata(FileFormat.PLAN))),
            compression="zstd",
            compression_level=1,
            use_dictionary=repetitive,
        )
        self._cutter = Cutter(spec)
        self._rows = 0
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    @property
    def cuts(self) -> Sequence[Cut]:
        """Batches of the written rows, in order."""
        return self._cutter.finished()

    def write(self, cursor: Cursor, query: str, names: Mapping[str, Any] | None = None) -> None:
        """Append the rows of a query: columns of the file, with ``kind_code`` and ``silent`` instead of ``row`` and ``kind``.

        ``takes_over`` is a further column, which only divides batches.
        ``names`` are parameters of the query.
        """
        relation = cursor.sql(query, params=dict(names)) if names else cursor.sql(query)
        for batch in relation.to_arrow_reader(ROW_GROUP):
            self._append(pa.Table.from_batches([batch]))

    def _append(self, table: pa.Table) -> None:
        sent = len(table) - (pc.sum(table["silent"]).as_py() or 0)
        numbers = pa.array(range(self._rows, self._rows + sent), pa.int64())
        row = pa.concat_arrays([numbers, pa.nulls(len(table) - sent, pa.int64())])
        kind = pa.array(_KINDS, pa.string()).take(
            table["kind_code"].combine_chunks().cast(pa.int8())
        )
        columns = {"row": row, "kind": kind} | {
            field: table[field] for field in SCHEMA.names if field not in {"row", "kind"}
        }
        ready = pa.table(columns).cast(SCHEMA)
        self._writer.write_table(ready, row_group_size=self._group(ready))
        self._written += len(ready)
        self._cutter.take(ready.append_column(TAKES_OVER, table[TAKES_OVER]).slice(0, sent))
        self._rows += sent

    def _group(self, rows: pa.Table) -> int:
        """Return how many rows the next row groups have: more in a large plan.

        Each reader of a part of the file first reads what its footer says of all row groups. With groups of one size, to read a
        plan in parts would take a time that grows with the square of its rows.
        """
        most = int(_LONGEST * len(rows) // max(1, rows.nbytes))
        return max(_FEWEST, min(self._written // _PART, most, ROW_GROUP))
