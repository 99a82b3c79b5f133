"""Sorted Parquet files, written one key range after another, so that memory use does not grow with the file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.snapshots.engine.ranges import KeyRange, footers_kept
from app.snapshots.engine.sql import ROW_GROUP, Cursor


def write_sorted(
    cursor: Cursor,
    query: Callable[[KeyRange], str],
    ranges: Sequence[KeyRange],
    out: Path,
    *,
    repetitive: Collection[str] = (),
    metadata: Mapping[str, str] | None = None,
    pick: Callable[[pa.Table], pa.Table] = lambda rows: rows,
) -> int:
    """Write the rows of a query for each range, in the order of the ranges. Returns the number of rows.

    ``query`` returns the rows of a range in order. Columns are texts, numbers and truth values: other types may change in the
    file. ``repetitive`` are columns with few different values. ``pick`` gets all rows, up to ``ROW_GROUP`` at a time, and
    returns those that are written.
    """
    written, writer = 0, None
    try:
        with footers_kept(cursor, ranges):
            for span in ranges:
                reader = cursor.sql(query(span)).to_arrow_reader(ROW_GROUP)
                if writer is None:
                    schema = pick(reader.schema.empty_table()).schema
                    writer = _open(out, schema.with_metadata(dict(metadata or {})), repetitive)
                for batch in reader:
                    rows = pick(pa.Table.from_batches([batch])).replace_schema_metadata(
                        dict(metadata or {})
                    )
                    writer.write_table(rows, row_group_size=ROW_GROUP)
                    written += len(rows)
    finally:
        if writer is not None:
            writer.close()
    return written


def _open(out: Path, schema: pa.Schema, repetitive: Collection[str]) -> Any:
    dictionaries: Any = list(repetitive)
    return pq.ParquetWriter(
        out, schema, compression="zstd", compression_level=1, use_dictionary=dictionaries
    )
