"""Cuts: a plan divided into batches."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.domain.changes import ChangeKind
from app.snapshots.engine import Cut, Cuts, PlanSpec

TAKES_OVER = "takes_over"  # the column that divides entries
_OF_A_RUN = ("kind", "place", TAKES_OVER)  # columns that have one value in a run
_ENVELOPE = 64  # bytes of a change in addition to its values


class Cutter:
    """Cuts rows into batches of one kind and place, entries that take over apart, limited in rows and bytes; or one batch of the whole plan."""

    def __init__(self, spec: PlanSpec) -> None:
        self._spec = spec
        self._cuts: list[Cut] = []  # without a limit of bytes: runs
        self._bytes = 0  # of the last cut
        self._row = 0

    def finished(self) -> Sequence[Cut]:
        """Return the batches, in order."""
        if self._spec.whole_plan:
            return [Cut(None, 0, self._row)] if self._row else []
        if self._spec.max_bytes:
            return self._cuts
        return Cuts(tuple(self._cuts), self._spec.max_rows)

    def take(self, rows: pa.Table) -> None:
        """Add the next rows."""
        if self._spec.whole_plan or not len(rows):
            self._row += len(rows)
            return
        start = 0
        for run, count in _runs(rows):
            if self._spec.max_bytes:
                self._take_bytes(rows.slice(start, count), run, self._spec.max_bytes)
            else:
                self._take(count, run)
            start += count

    def _take(self, count: int, run: Cut) -> None:
        """Add the next rows of one kind and place, which have no limit of bytes."""
        if not self._cuts or replace(self._cuts[-1], first_row=0, rows=0) != run:
            self._begin(run)
        self._cuts[-1] = replace(self._cuts[-1], rows=self._cuts[-1].rows + count)
        self._row += count

    def _take_bytes(self, rows: pa.Table, run: Cut, most: int) -> None:
        ends = _running_sizes(rows)
        done = 0
        while done < len(rows):
            room = self._open(run)
            taken = min(room, len(rows) - done)
            before = ends[done - 1] if done else 0
            left = most - self._bytes
            taken = min(taken, bisect.bisect_right(ends, before + left, done) - done)
            if taken == 0 and self._cuts[-1].rows:
                self._begin(run)
                continue
            taken = max(taken, 1)  # a change larger than the limit gets a batch
            self._bytes += ends[done + taken - 1] - before
            last = self._cuts[-1]
            self._cuts[-1] = replace(last, rows=last.rows + taken)
            self._row += taken
            done += taken

    def _open(self, run: Cut) -> int:
        """Start a new cut if the last one is full or of another run. Returns how many rows it can still take."""
        last = self._cuts[-1] if self._cuts else None
        if (
            last is None
            or last.rows >= self._spec.max_rows
            or replace(last, first_row=0, rows=0) != run
        ):
            self._begin(run)
        return self._spec.max_rows - self._cuts[-1].rows

    def _begin(self, run: Cut) -> None:
        self._cuts.append(replace(run, first_row=self._row))
        self._bytes = 0


def _runs(rows: pa.Table) -> Iterator[tuple[Cut, int]]:
    """Yield an empty cut and the number of rows for each run of neighbours of one kind and place. Turns may repeat a place."""
    changes = np.zeros(len(rows) - 1, bool)
    for name in _OF_A_RUN:
        codes: Any = pc.fill_null(rows[name].combine_chunks().dictionary_encode().indices, -1)
        numbers = codes.to_numpy(zero_copy_only=False)
        changes |= numbers[1:] != numbers[:-1]
    starts = [0, *(np.flatnonzero(changes) + 1).tolist()]
    for start, end in pairwise([*starts, len(rows)]):
        kind, place, takes_over = (rows[name][start].as_py() for name in _OF_A_RUN)
        yield Cut(ChangeKind(kind), 0, 0, place, takes_over), end - start


def _running_sizes(rows: pa.Table) -> list[int]:
    """Return the running total of bytes after each row, estimated from the texts."""
    total: Any = pa.scalar(_ENVELOPE, pa.int64())
    for column in ("k", "identity", "traits", "entities"):
        length = pc.fill_null(pc.binary_length(rows[column]), 0)
        total = pc.add(total, pc.cast(length, pa.int64()))
    sizes: list[int] = pc.cumulative_sum(total).to_pylist()
    return sizes
