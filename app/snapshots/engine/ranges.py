"""Key ranges: parts of a large set operation, so that memory use stays flat."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from app.snapshots.engine.sql import ROW_GROUP, Cursor, sql_text

#: Rows of one side in a range. Up to twice as many rows are processed without ranges.
RANGE_ROWS = 125_000
_NARROW = 125  # bytes of a row that counts as one
_SAMPLE = 1_000  # rows whose bytes are counted
_FOOTERS = "parquet_metadata_cache"
_FEW = 8  # a file with less than this part of the rows has few


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys from ``low`` (None: the first) to ``high`` (exclusive; None: the last)."""

    low: str | None = None
    high: str | None = None

    def holds(self, expression: str) -> str:
        """Return the SQL condition that an expression is in the range."""
        conditions = []
        if self.low is not None:
            conditions.append(f"{expression} >= {sql_text(self.low)}")
        if self.high is not None:
            conditions.append(f"{expression} < {sql_text(self.high)}")
        return " AND ".join(conditions) or "true"


def range_number(ranges: Sequence[KeyRange], key: str) -> str:
    """Return the SQL expression of the number of the range that has a key, as nested comparisons. NULL is in the last range."""
    return _search([str(span.low) for span in ranges[1:]], key, 0)


def _search(bounds: Sequence[str], key: str, first: int) -> str:
    """Return the expression of ``first`` plus the number of bounds that are not above the key."""
    if not bounds:
        return f"{first:d}"
    middle = len(bounds) // 2
    below = _search(bounds[:middle], key, first)
    above = _search(bounds[middle + 1 :], key, first + middle + 1)
    return f"CASE WHEN {key} < {sql_text(bounds[middle])} THEN {below} ELSE {above} END"


Weight = tuple[str, int]  # a key, and the approximate number of rows up to the next one


@contextmanager
def footers_kept(cursor: Cursor, ranges: Sequence[KeyRange]) -> Iterator[None]:
    """Keep the footers of Parquet files in memory while the block reads several ranges of the same files, each with a query.

    Each query would read all footers again, so that the work grew with the square of the rows: a plan of 100 M rows has 10,000 row
    groups and 800 ranges. Outside of such a block they are not kept, because most files are read once.
    """
    if len(ranges) < 2:
        yield
        return
    cursor.execute(f"SET GLOBAL {_FOOTERS} = true")
    try:
        yield
    finally:
        with suppress(duckdb.Error):  # interrupted: the engine's next instance begins without it
            cursor.execute(f"SET GLOBAL {_FOOTERS} = false")


def row_group_weights(paths: Iterable[Path], column: str) -> list[Weight]:
    """Read the weights of sorted Parquet files from the statistics of their row groups."""
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


def row_width(paths: Sequence[Path]) -> int:
    """Return for how many rows one of these Parquet files counts: 1, and more if there are many rows, and wide ones.

    Rows are measured, because the sizes in a file are those of encoded values. Files with few of the rows are left out.
    """
    sizes = [(int(pq.read_metadata(path).num_rows), path) for path in paths]
    total = sum(rows for rows, _ in sizes)
    if total <= ROW_GROUP:
        return 1
    large = [(rows, path) for rows, path in sizes if rows * _FEW >= total]
    measured = sum(rows for rows, _ in large)
    size = sum(rows * _row_bytes(path, path.stat().st_mtime_ns) for rows, path in large)
    return max(1, round(size / measured / _NARROW)) if measured else 1


@lru_cache(maxsize=256)  # a membership of many changes asks again for the same file
def _row_bytes(path: Path, _changed: int) -> float:
    with pq.ParquetFile(path) as file:
        middle = file.num_row_groups // 2
        sample = next(file.iter_batches(_SAMPLE, row_groups=[middle]))
    return float(sample.nbytes / sample.num_rows)


def key_ranges(sides: Sequence[Sequence[Weight]], width: int = 1) -> list[KeyRange]:
    """Divide all keys into ordered ranges of about ``RANGE_ROWS`` rows of the larger side; little data is one range.

    ``width``: for how many rows a row counts (``row_width``).
    """
    largest = max((sum(rows for _, rows in side) for side in sides), default=0)
    most = RANGE_ROWS // width
    if largest <= 2 * most:
        return [KeyRange()]
    marks: list[str] = []
    counts = [0] * len(sides)
    merged = sorted(
        (key, side, rows) for side, weights in enumerate(sides) for key, rows in weights
    )
    for key, side, rows in merged:
        if counts[side] + rows > most and counts[side] and (not marks or key > marks[-1]):
            marks.append(key)
            counts = [0] * len(sides)
        counts[side] += rows
    edges: list[str | None] = [None, *marks, None]
    return [KeyRange(low, high) for low, high in itertools.pairwise(edges)]
