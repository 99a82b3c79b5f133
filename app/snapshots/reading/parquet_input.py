"""Parquet uploads: their relation, and their columns as traits."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, Dialect, Upload, column_types, sql_name, sql_text
from app.snapshots.reading.file_faults import file_faults
from app.snapshots.reading.source import Source, first_line, refuse_repeated

_SCALARS = {
    "varchar", "char", "json", "boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint",
    "uinteger", "ubigint", "float", "double", "decimal", "date",
}  # fmt: skip

_MOST_DIGITS = 38
_AS_TEXT = {"null", "uuid", "enum", "time", "time with time zone", "interval"}


_NUMBERS_OF_IDS = {
    "tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint", "uuid",
}  # fmt: skip


def parquet_text(column: str, kind: Any, *, numbers: bool) -> str | None:
    """Return the expression of a Parquet column as text, or None if it holds no texts.

    A column without values (type NULL) and binary text are texts; with ``numbers`` integers and UUIDs are, too.
    """
    quoted = sql_name(column)
    if kind.id == "varchar":
        return quoted
    if kind.id == "blob":
        return _binary_text(column)
    whole = kind.id in _NUMBERS_OF_IDS or (
        kind.id == "decimal" and dict(kind.children)["scale"] == 0
    )
    if kind.id == "null" or (numbers and whole):
        return f"CAST({quoted} AS VARCHAR)"
    return None


def _binary_text(column: str) -> str:
    """Return the expression of bytes as text. Bytes that are no text fail with the column's name."""
    quoted, fault = sql_name(column), sql_text(f"binary values are no text: {column}")
    return (
        f"CASE WHEN {quoted} IS NOT NULL THEN coalesce(TRY(decode({quoted})), error({fault})) END"
    )


def parquet_trait(column: str, kind: Any) -> str:
    """Return the expression of a Parquet column as a trait. Raises Invalid for unsupported types."""
    quoted = sql_name(column)
    if kind.id in _SCALARS or (kind.id in {"list", "struct", "array"} and _nested(kind)):
        return quoted
    if kind.id == "blob":
        return _binary_text(column)
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
    return kind.id in _SCALARS or kind.id == "null" or kind.id.startswith("timestamp")


def parquet_source(cursor: Cursor, upload: Upload, path: Path, dialect: Dialect) -> Source:
    """Open a Parquet file. Raises Invalid if it is damaged."""
    sql = f"read_parquet({sql_text(str(path))})"
    with file_faults(partial(_incomplete, path)):
        columns = column_types(cursor, f"SELECT * FROM {sql}")
    _refuse_columns(path)
    return Source(sql, columns, upload, path, dialect)


def _incomplete(path: Path, error: duckdb.Error) -> Invalid:
    return Invalid(f"This is not a complete Parquet file: {first_line(error, path)}")


def _refuse_columns(path: Path) -> None:
    """Raise Invalid for what the engine would change: decimals with too many digits, columns without a name, two with one name."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise Invalid(f"The Parquet file is damaged: {first_line(error, path)}") from error
    for place, field in enumerate(schema, 1):
        if not field.name:
            words = f"Column {place} of the Parquet file has no name. Give it one, or leave it out of the file."
            raise Invalid(words)
        if _is_wide(field.type):
            raise Invalid(
                f"The column {field.name} has the type {field.type}; decimals may have up to {_MOST_DIGITS} digits. "
                "Write the column as text.",
                data={"column": field.name},
            )
    refuse_repeated(schema.names)  # the engine would call the second one tier_1


def _is_wide(kind: Any) -> bool:
    if pa.types.is_decimal(kind):
        return bool(kind.precision > _MOST_DIGITS)
    return any(_is_wide(kind.field(index).type) for index in range(kind.num_fields))
