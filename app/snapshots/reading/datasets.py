"""Datasets: uploaded tables for definitions, written as typed Parquet."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from app.domain.persons import is_contact_column
from app.snapshots.engine import (
    Cursor,
    DatasetStats,
    ReadColumn,
    Upload,
    column_types,
    copy_to,
    fetch_one,
    has_refused_key,
    rows_in_order,
    sql_name,
)
from app.snapshots.reading.detection import is_code, typed_columns
from app.snapshots.reading.json_columns import typed_json_columns
from app.snapshots.reading.long_numbers import long_columns
from app.snapshots.reading.notations import other_notations
from app.snapshots.reading.parquet_input import parquet_trait
from app.snapshots.reading.source import Source
from app.snapshots.reading.type_reasons import type_reason
from app.snapshots.reading.uploads import open_upload


def write_dataset(cursor: Cursor, upload: Upload, out: Path) -> DatasetStats:
    """Write an upload as a dataset, in the order of its rows. Raises Invalid, with row and column, for faults.

    Types of CSV and NDJSON columns are detected from all values; ids and codes stay text (``detection``).
    """
    try:
        with rows_in_order(cursor), open_upload(cursor, upload, out) as source:
            columns = _columns(cursor, source)
            select = ", ".join(
                f"{value} AS {sql_name(column)}" for column, value in columns.items()
            )
            rows = f"(SELECT {select} FROM {source.sql})"
            query = f"SELECT * FROM {rows}"
            kinds = {column: str(kind) for column, kind in column_types(cursor, query).items()}
            keys = _refused_rows(kinds, upload)
            refused = (
                fetch_one(cursor, f"SELECT count(*) FROM {rows} WHERE {keys}")[0] if keys else 0
            )
            kept = f"{query} WHERE NOT {keys}" if keys else query
            cursor.execute(copy_to(kept, out, narrow=False))
            read = _read(cursor, source, rows, kinds)
            report = source.report(read, refused=refused)
        return DatasetStats(int(pq.read_metadata(out).num_rows), kinds, report)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _read(cursor: Cursor, source: Source, rows: str, kinds: Mapping[str, str]) -> list[ReadColumn]:
    """Return the columns with the reasons for their types, for the report. ``rows`` is the relation of typed columns."""
    texts = {
        column: sql_name(column)
        for column, kind in kinds.items()
        if kind == "VARCHAR" and not is_code(column)
    }
    notations = other_notations(cursor, rows, texts)
    found = []
    for column, kind in kinds.items():
        notation = notations.get(column)
        reason = type_reason(source, column, kind, notation)
        conversion = notation.conversion if notation else None
        found.append(ReadColumn(column, "column", kind, reason, conversion=conversion))
    return found


def _refused_rows(kinds: Mapping[str, str], upload: Upload) -> str | None:
    """Return the condition that a row has a refused key in a column of ids, addresses or numbers; None if none is refused."""
    if upload.refused is None:
        return None
    plain = [
        column
        for column, kind in kinds.items()
        if kind in {"VARCHAR", "BIGINT", "HUGEINT", "INTEGER"} and is_contact_column(column)
    ]
    return has_refused_key(upload.refused, plain)


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
