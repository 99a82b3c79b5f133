"""The plan's file: written in order and cut into batches, and read back by row number.

Columns: ``row`` (NULL: folded unsent), ``kind, k, key_type, place, member_id, profile_id, identity, traits, entities``
(JSON texts), ``wanted, fp1``, and the key's row of the holdings as it was: ``old_…`` and ``partner_id``. NULLs mean
what they mean in the holdings (``holding_rows``).
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, overload

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.domain.changes import ChangeKind
from app.snapshots.engine import MEMBER, Cursor, Cut, PlannedChange, PlanSpec, key_value

_BATCH = 100_000  # rows that come from the engine at a time
_GROUP = 10_000  # rows that are read from the file at least
_ENVELOPE = 64  # bytes that a change takes besides its own values
_KINDS = [None, ChangeKind.EXITED.value, ChangeKind.ENTERED.value, ChangeKind.UPDATED.value]
_READ = [
    "row", "kind", "k", "key_type", "place", "member_id", "profile_id", "identity", "traits", "entities", "partner_id",
]  # fmt: skip

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
]
SCHEMA = pa.schema(_COLUMNS)


class PlanWriter:
    """Writes the rows of queries one after another, numbers them and cuts them into batches."""

    def __init__(self, out: Path, spec: PlanSpec) -> None:
        repetitive: Any = ["kind", "key_type", "place", "old_held"]
        self._writer = pq.ParquetWriter(
            out, SCHEMA, compression="zstd", compression_level=1, use_dictionary=repetitive
        )
        self._cutter = _Cutter(spec)
        self._rows = 0

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
    def cuts(self) -> list[Cut]:
        """The batches of what was written, in order."""
        return self._cutter.finished()

    def write(self, cursor: Cursor, query: str, names: Mapping[str, Any] | None = None) -> None:
        """Append a query's rows: the columns of the file, with ``kind_code`` and ``silent`` for row and kind."""
        relation = cursor.sql(query, params=dict(names)) if names else cursor.sql(query)
        for batch in relation.to_arrow_reader(_BATCH):
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
        self._writer.write_table(ready, row_group_size=_GROUP)
        self._cutter.take(ready.slice(0, sent))
        self._rows += sent


class _Cutter:
    """Cuts rows into batches: one kind and place each, so many rows, so many bytes; or one of the whole plan."""

    def __init__(self, spec: PlanSpec) -> None:
        self._spec = spec
        self._cuts: list[Cut] = []
        self._bytes = 0  # of the last cut
        self._row = 0

    def finished(self) -> list[Cut]:
        if self._spec.whole_plan:
            return [Cut(None, 0, self._row)] if self._row else []
        return self._cuts

    def take(self, rows: pa.Table) -> None:
        """Rows that follow those taken before."""
        if not self._spec.whole_plan and len(rows):
            start = 0
            for kind, place, count in _runs(rows):
                self._take_run(rows.slice(start, count), ChangeKind(kind), place)
                start += count
        else:
            self._row += len(rows)

    def _take_run(self, rows: pa.Table, kind: ChangeKind, place: str | None) -> None:
        ends = _running_sizes(rows) if self._spec.max_bytes else None
        done = 0
        while done < len(rows):
            room = self._open(kind, place)
            taken = min(room, len(rows) - done)
            if ends is not None:
                before = ends[done - 1] if done else 0
                left = (self._spec.max_bytes or 0) - self._bytes
                taken = min(taken, bisect.bisect_right(ends, before + left, done) - done)
                if taken == 0 and self._cuts[-1].rows:
                    self._cuts.append(Cut(kind, self._row, 0, place))
                    self._bytes = 0
                    continue
                taken = max(taken, 1)  # a change larger than the limit goes alone
                self._bytes += ends[done + taken - 1] - before
            last = self._cuts[-1]
            self._cuts[-1] = Cut(last.kind, last.first_row, last.rows + taken, last.place)
            self._row += taken
            done += taken

    def _open(self, kind: ChangeKind, place: str | None) -> int:
        """How many rows the last cut may still take; a new one where it is full or of another kind or place."""
        last = self._cuts[-1] if self._cuts else None
        if (
            last is None
            or last.rows >= self._spec.max_rows
            or (last.kind, last.place) != (kind, place)
        ):
            self._cuts.append(Cut(kind, self._row, 0, place))
            self._bytes = 0
        return self._spec.max_rows - self._cuts[-1].rows


def _runs(rows: pa.Table) -> list[tuple[str, str | None, int]]:
    """Kinds and places of sorted rows with their numbers of rows, in order."""
    groups = rows.group_by(["kind", "place"], use_threads=False).aggregate(
        [("row", "min"), ("row", "count")]
    )
    found = sorted(groups.to_pylist(), key=lambda group: group["row_min"])
    return [(group["kind"], group["place"], group["row_count"]) for group in found]


def _running_sizes(rows: pa.Table) -> list[int]:
    """Bytes of the rows up to and with each, estimated by their texts."""
    total: Any = pa.scalar(_ENVELOPE, pa.int64())
    for column in ("k", "identity", "traits", "entities"):
        length = pc.fill_null(pc.binary_length(rows[column]), 0)
        total = pc.add(total, pc.cast(length, pa.int64()))
    sizes: list[int] = pc.cumulative_sum(total).to_pylist()
    return sizes


class PlanRows(Sequence[PlannedChange]):
    """Rows of a plan: single columns as they stand in the file, or changes, made when first asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._changes: list[PlannedChange] | None = None

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> PlannedChange: ...
    @overload
    def __getitem__(self, index: slice) -> PlanRows: ...
    def __getitem__(self, index: int | slice) -> PlannedChange | PlanRows:
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self))
            return PlanRows(self._table.slice(start, max(0, stop - start)))
        if self._changes is None:
            self._changes = planned_changes(self._table)
        return self._changes[index]

    def column(self, name: str) -> Any:
        """One column of the file as an Arrow array of text: ``kind``, JSON texts; null where nothing is there."""
        return self._table[name].combine_chunks()

    def keys(self) -> Any:
        """The value of each key, as an Arrow array of text."""
        k, key_type, place = self.column("k"), self.column("key_type"), self.column("place")
        plain = key_type.null_count == len(self) == place.null_count
        if plain and not pc.any(pc.match_substring(k, "\x1f")).as_py():
            return k
        values = [
            text if kind in {None, MEMBER} and "\x1f" not in text else key_value(text, kind, side)
            for text, kind, side in zip(
                k.to_pylist(), key_type.to_pylist(), place.to_pylist(), strict=True
            )
        ]
        return pa.array(values, pa.string())


def read_plan(cursor: Cursor | None, plan: Path, first: int, count: int) -> PlanRows:
    """The changes of ``count`` rows from row ``first``, in order. Silent rows have no number and never come.

    Reads row groups of 10,000; whoever needs many small batches does well to read more of them at once.
    """
    with pq.ParquetFile(plan) as file:
        groups, skipped = _overlapping(file.metadata, first, count)
        if not groups:
            return PlanRows(SCHEMA.empty_table().select(_READ))
        table = file.read_row_groups(groups, columns=_READ, use_threads=False)
    table = table.slice(first - skipped, count)
    sent = len(table) - table["row"].null_count
    return PlanRows(table.slice(0, sent))


def _overlapping(metadata: Any, first: int, count: int) -> tuple[list[int], int]:
    """The row groups that hold the rows, and the number of rows before them. A row's place is its number."""
    groups, skipped, position = [], 0, 0
    for number in range(metadata.num_row_groups):
        rows = metadata.row_group(number).num_rows
        if position + rows <= first:
            skipped += rows
        elif position < first + count:
            groups.append(number)
        position += rows
    return groups, skipped


def planned_changes(table: pa.Table) -> list[PlannedChange]:
    """Rows of a plan as values."""
    columns = {name: table[name].to_pylist() for name in _READ}
    kinds = {kind.value: kind for kind in ChangeKind}
    loads = orjson.loads
    result = []
    for row, kind, k, key_type, place, member, profile, identity, traits, entities, partner in zip(
        *columns.values(), strict=True
    ):
        key = k if key_type in {None, MEMBER} and "\x1f" not in k else key_value(k, key_type, place)
        member_id = member if member is not None else key
        result.append(
            PlannedChange(
                row,
                kinds[kind],
                key_type or MEMBER,
                key,
                member_id,
                profile if profile is not None else member_id,
                place,
                loads(identity) if identity else {},
                loads(traits) if traits else {},
                loads(entities) if entities else {},
                partner,
            )
        )
    return result
