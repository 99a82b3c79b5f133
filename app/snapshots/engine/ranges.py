"""Key ranges: how a large set operation is cut so that memory stays flat."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from app.snapshots.engine.sql import sql_text

#: Rows of one side that are worked on at a time; up to twice as many are taken at once.
RANGE_ROWS = 250_000


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys from ``low`` (None: the first) up to, without, ``high`` (None: the last)."""

    low: str | None = None
    high: str | None = None

    def holds(self, expression: str) -> str:
        """The condition on an SQL expression."""
        conditions = []
        if self.low is not None:
            conditions.append(f"{expression} >= {sql_text(self.low)}")
        if self.high is not None:
            conditions.append(f"{expression} < {sql_text(self.high)}")
        return " AND ".join(conditions) or "true"


Weight = tuple[str, int]  # a key, and about how many rows lie from it to the next


def row_group_weights(paths: Iterable[Path], column: str) -> list[Weight]:
    """Weights of sorted Parquet files, from the statistics of their row groups."""
    weights = []
    for path in paths:
        metadata = pq.read_metadata(path)
        place = metadata.schema.names.index(column)
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            statistics = group.column(place).statistics
            if statistics is not None and statistics.has_min_max:
                weights.append((str(statistics.min), group.num_rows))
    return weights


def key_ranges(sides: Sequence[Sequence[Weight]]) -> list[KeyRange]:
    """Ranges that cover all keys, in order, each with about ``RANGE_ROWS`` of the larger side; one for little data."""
    largest = max((sum(rows for _, rows in side) for side in sides), default=0)
    if largest <= 2 * RANGE_ROWS:
        return [KeyRange()]
    marks: list[str] = []
    counts = [0] * len(sides)
    merged = sorted(
        (key, side, rows) for side, weights in enumerate(sides) for key, rows in weights
    )
    for key, side, rows in merged:
        if counts[side] + rows > RANGE_ROWS and counts[side] and (not marks or key > marks[-1]):
            marks.append(key)
            counts = [0] * len(sides)
        counts[side] += rows
    edges: list[str | None] = [None, *marks, None]
    return [KeyRange(low, high) for low, high in itertools.pairwise(edges)]
