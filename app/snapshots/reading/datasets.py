"""Datasets: uploaded tables for definitions, written as typed Parquet."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from app.snapshots.engine import (
    Cursor,
    DatasetStats,
    ReadColumn,
    Upload,
    column_types,
    copy_to,
    sql_name,
)
from app.snapshots.reading.detection import is_code, typed_columns
from app.snapshots.reading.json_columns import typed_json_columns
from app.snapshots.reading.long_numbers import long_columns
from app.snapshots.reading.parquet_input import parquet_trait
from app.snapshots.reading.source import Source
from app.snapshots.reading.type_reasons import type_reason
from app.snapshots.reading.uploads import open_upload


def write_dataset(cursor: Cursor, upload: Upload, out: Path) -> DatasetStats:
    """Write an upload as a dataset. Raises Invalid, with row and column, for faults.

    Types of CSV and NDJSON columns are detected from all values; ids and codes stay text (``detection``).
    """
    try:
        with open_upload(cursor, upload, out) as source:
            columns = _columns(cursor, source)
            select = ", ".join(
                f"{value} AS {sql_name(column)}" for column, value in columns.items()
            )
            query = f"SELECT {select} FROM {source.sql}"
            kinds = {column: str(kind) for column, kind in column_types(cursor, query).items()}
            cursor.execute(copy_to(query, out, narrow=False))
            read = [
                ReadColumn(column, "column", kind, type_reason(source, column, kind))
                for column, kind in kinds.items()
            ]
            report = source.report(read)
        return DatasetStats(int(pq.read_metadata(out).num_rows), kinds, report)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _columns(cursor: Cursor, source: Source) -> dict[str, str]:
    codes = [column for column in source.columns if is_code(column)]
    others = [column for column in source.columns if column not in codes]
    match source.upload.format:
        case "csv":
            texts = {column: sql_name(column) for column in source.columns}
            return texts | typed_columns(
                cursor, source.sql, {column: texts[column] for column in others}
            )
        case "ndjson":
            found = {column: f"({sql_name(column)} ->> '$')" for column in codes}
            found |= typed_json_columns(
                cursor, source.sql, others, {}, long=long_columns(source), dates=True
            )
            return {column: found[column] for column in source.columns}
        case "parquet":
            return {column: parquet_trait(column, kind) for column, kind in source.columns.items()}
