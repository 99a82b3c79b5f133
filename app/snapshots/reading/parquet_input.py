"""Parquet uploads: their relation, and their columns as traits."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, Dialect, Upload, column_types, sql_name, sql_text
from app.snapshots.reading.source import Source, first_line

_SCALARS = {
    "varchar", "char", "json", "boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint",
    "uinteger", "ubigint", "float", "double", "decimal", "date",
}  # fmt: skip

_AS_TEXT = {"null", "uuid", "enum", "time", "time with time zone", "interval"}


def parquet_trait(column: str, kind: Any) -> str:
    """Return the expression of a Parquet column as a trait. Raises Invalid for unsupported types."""
    quoted = sql_name(column)
    if kind.id in _SCALARS or (kind.id in {"list", "struct", "array"} and _nested(kind)):
        return quoted
    if kind.id in _AS_TEXT:
        return f"CAST({quoted} AS VARCHAR)"
    if kind.id == "timestamp with time zone":
        return f"({quoted} AT TIME ZONE 'UTC')"
    if kind.id.startswith("timestamp"):
        return f"CAST({quoted} AS TIMESTAMP)"
    if kind.id == "map":
        return f"CAST(canonical_json(CAST(to_json({quoted}) AS VARCHAR)) AS JSON)"
    raise Invalid(
        f"The column {column} has the type {kind}, which is not supported.",
        data={"column": column},
    )


def _nested(kind: Any) -> bool:
    if kind.id in {"list", "array"}:
        return _nested(dict(kind.children)["child"])
    if kind.id == "struct":
        return all(_nested(of) for _, of in kind.children)
    return kind.id in _SCALARS or kind.id.startswith("timestamp")


def parquet_source(cursor: Cursor, upload: Upload, path: Path, dialect: Dialect) -> Source:
    """Open a Parquet file. Raises Invalid if it is damaged."""
    sql = f"read_parquet({sql_text(str(path))})"
    try:
        columns = column_types(cursor, f"SELECT * FROM {sql}")
    except duckdb.Error as error:
        raise Invalid(f"This is not a complete Parquet file: {first_line(error, path)}") from error
    return Source(sql, columns, upload, path, dialect)
