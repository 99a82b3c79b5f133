"""Rows of a plan, read back by row number."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.core.exact_numbers import loads_exact
from app.domain.changes import ChangeKind
from app.snapshots.engine import MEMBER, Cursor, PlannedChange, columns_of, key_value
from app.snapshots.plans.plan_file import SCHEMA

_READ = [
    "row", "kind", "k", "key_type", "place", "member_id", "profile_id", "identity", "traits", "entities", "partner_id",
    "old_held", "old_sync", "filled", "old_filled",
]  # fmt: skip


class PlanRows(Sequence[PlannedChange]):
    """Rows of a plan: columns as in the file, or changes, which are parsed at the first access."""

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
        """Return a column of the file as an Arrow array of texts (JSON for values); null for no value."""
        return self._table[name].combine_chunks()

    def may_clear(self) -> bool:
        """Return whether a field that the partner has may have become empty."""
        before = self.column("old_filled")
        if before.null_count == len(before):
            return False
        same = pc.equal(before, pc.fill_null(self.column("filled"), ""))
        exits = pc.equal(self.column("kind"), ChangeKind.EXITED.value)
        return pc.all(pc.fill_null(pc.or_(same, exits), True)).as_py() is False

    @property
    def size(self) -> int:
        """The bytes of the values."""
        return int(self._table.nbytes)

    def keys(self) -> Any:
        """Return the value of each key, as an Arrow array of texts."""
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

    def members(self) -> Any:
        """Return the member id of each change, as an Arrow array of texts."""
        return pc.coalesce(self.column("member_id"), self.keys())


def no_rows() -> PlanRows:
    """Return no rows."""
    return PlanRows(SCHEMA.empty_table().select(_READ))


def read_plan(cursor: Cursor | None, plan: Path, first: int, count: int) -> PlanRows:
    """Read ``count`` changes from row ``first``, in order. Silent rows have no number and are never returned.

    Reads whole row groups. For several parts one after another, use :func:`read_groups`.
    """
    before, rows = read_groups(cursor, plan, first, count)
    start = first - before
    return rows[start : start + count]


def read_groups(_cursor: Cursor | None, plan: Path, first: int, count: int) -> tuple[int, PlanRows]:
    """Read the row groups that have ``count`` changes from row ``first``. Returns their first row, and all of their changes."""
    names = columns_of(plan, _READ)
    with pq.ParquetFile(plan) as file:
        groups, skipped = _overlapping(file.metadata, first, count)
        if not groups:
            return first, no_rows()
        table = file.read_row_groups(groups, columns=names, use_threads=False)
    table = _renamed(table, names)
    sent = len(table) - table["row"].null_count
    return skipped, PlanRows(table.slice(0, sent))


def _renamed(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return the columns ``_READ``. A file of an earlier version does not have all of them: then they have no values."""
    there = dict(zip(names, _READ, strict=True))
    found = {there[name]: table[name] for name in table.column_names}
    return pa.table(
        {name: found.get(name, pa.nulls(len(table), SCHEMA.field(name).type)) for name in _READ}
    )


def _overlapping(metadata: Any, first: int, count: int) -> tuple[list[int], int]:
    """Find the row groups of a range of rows. Returns their numbers, and the number of rows before them."""
    groups, skipped, position = [], 0, 0
    for number in range(metadata.num_row_groups):
        rows = metadata.row_group(number).num_rows
        if position + rows <= first:
            skipped += rows
        elif position < first + count:
            groups.append(number)
        position += rows
    return groups, skipped


@lru_cache(maxsize=1000)
def _names(text: str | None) -> tuple[str, ...]:
    return tuple(orjson.loads(text)) if text else ()


def planned_changes(table: pa.Table) -> list[PlannedChange]:
    """Parse rows of a plan."""
    columns = {name: table[name].to_pylist() for name in _READ}
    kinds = {kind.value: kind for kind in ChangeKind}
    loads = orjson.loads
    result = []
    for row, kind, k, key_type, place, member, profile, identity, traits, entities, *old in zip(
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
                loads_exact(traits) if traits else {},
                loads_exact(entities) if entities else {},
                *old[:-2],
                *(_names(text) for text in old[-2:]),
            )
        )
    return result
