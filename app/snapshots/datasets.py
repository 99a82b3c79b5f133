"""Datasets: what users upload as tables for their definitions, written as typed Parquet."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.sql)

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from app.snapshots.detection import is_code, typed
from app.snapshots.json_columns import json_columns
from app.snapshots.member_input import parquet_trait
from app.snapshots.sql import Cursor, column_types, copy_to, name
from app.snapshots.types import DatasetStats, Upload
from app.snapshots.uploads import Source, opened


def write_dataset(cursor: Cursor, upload: Upload, out: Path) -> DatasetStats:
    """Write an upload as a dataset; ``Invalid`` names row and column of what is wrong in it.

    Types of CSV and NDJSON columns are told from all of their values; ids and the like stay text (``detection``).
    """
    try:
        with opened(cursor, upload, out) as source:
            columns = _columns(cursor, source)
            select = ", ".join(f"{value} AS {name(column)}" for column, value in columns.items())
            query = f"SELECT {select} FROM {source.sql}"
            kinds = {column: str(kind) for column, kind in column_types(cursor, query).items()}
            cursor.execute(copy_to(query, out, narrow=False))
        return DatasetStats(int(pq.read_metadata(out).num_rows), kinds)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _columns(cursor: Cursor, source: Source) -> dict[str, str]:
    codes = [column for column in source.columns if is_code(column)]
    others = [column for column in source.columns if column not in codes]
    match source.upload.format:
        case "csv":
            texts = {column: name(column) for column in source.columns}
            return texts | typed(cursor, source.sql, {column: texts[column] for column in others})
        case "ndjson":
            found = {column: f"({name(column)} ->> '$')" for column in codes}
            found |= json_columns(cursor, source.sql, others, {}, dates=True)
            return {column: found[column] for column in source.columns}
        case "parquet":
            return {column: parquet_trait(column, kind) for column, kind in source.columns.items()}
