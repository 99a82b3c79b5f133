"""Pieces of SQL that the engine's modules share: quoting, and values as JSON or canonical text by their type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

Cursor = duckdb.DuckDBPyConnection

ROW_GROUP = 122_880


def sql_text(value: str) -> str:
    """An SQL text literal."""
    return "'" + value.replace("'", "''") + "'"


def sql_name(value: str) -> str:
    """A quoted SQL name."""
    return '"' + value.replace('"', '""') + '"'


def parquet_relation(paths: Sequence[Path]) -> str:
    """The relation of Parquet files, columns matched by name."""
    files = ", ".join(sql_text(str(path)) for path in paths)
    return f"read_parquet([{files}], union_by_name = true)"


def fetch_one(cursor: Cursor, query: str) -> tuple[Any, ...]:
    """The only row of a query; all is fetched, since a result left open blocks the cursor."""
    (row,) = cursor.execute(query).fetchall()
    return tuple(row)


def copy_to(query: str, out: Path, *, narrow: bool) -> str:
    """The statement that writes a query's rows as Parquet; ``narrow`` data (ids) is packed by the faster codec."""
    codec = "COMPRESSION lz4" if narrow else "COMPRESSION zstd, COMPRESSION_LEVEL 1"
    return f"COPY ({query}) TO {sql_text(str(out))} (FORMAT parquet, ROW_GROUP_SIZE {ROW_GROUP}, {codec})"


def column_types(cursor: Cursor, query: str) -> dict[str, Any]:
    """A query's columns with their engine types; the query is not run."""
    relation = cursor.sql(query)
    return dict(zip(relation.columns, relation.types, strict=True))


def json_value(expression: str, kind: Any, *, canonical: bool = False, depth: int = 0) -> str:
    """A value as JSON text, NULL for NULL and for numbers that JSON does not know.

    ``canonical`` is the form that is hashed: floats to 12 significant digits, decimals without trailing zeros. Times
    are RFC 3339 in UTC with milliseconds.
    """
    match kind.id:
        case "varchar" | "char":
            if _is_json(kind):
                return f"CAST({expression} AS VARCHAR)"
            return f"CAST(to_json({expression}) AS VARCHAR)"
        case "json":
            return f"CAST({expression} AS VARCHAR)"
        case "boolean" | "tinyint" | "smallint" | "integer" | "bigint" | "hugeint":
            return f"CAST({expression} AS VARCHAR)"
        case "utinyint" | "usmallint" | "uinteger" | "ubigint" | "uhugeint":
            return f"CAST({expression} AS VARCHAR)"
        case "decimal":
            return _decimal(expression, kind, canonical)
        case "float" | "double":
            return _float(expression, canonical)
        case "date":
            return f"""'"' || CAST({expression} AS VARCHAR) || '"'"""
        case "timestamp with time zone":
            return _moment(f"({expression} AT TIME ZONE 'UTC')")
        case "timestamp" | "timestamp_s" | "timestamp_ms" | "timestamp_ns":
            return _moment(f"CAST({expression} AS TIMESTAMP)")
        case "list" | "array":
            return _list(expression, kind, canonical, depth)
        case "struct":
            return _struct(expression, kind, canonical, depth)
        case _:
            return f"CAST(to_json({expression}) AS VARCHAR)"


def _is_json(kind: Any) -> bool:
    return str(kind).upper() == "JSON"


def _decimal(expression: str, kind: Any, canonical: bool) -> str:
    plain = f"CAST({expression} AS VARCHAR)"
    scale = dict(kind.children)["scale"]
    return f"rtrim(rtrim({plain}, '0'), '.')" if canonical and scale else plain


def _float(expression: str, canonical: bool) -> str:
    number = f"CAST({expression} AS DOUBLE)"
    shown = (
        f"format('{{:.12g}}', {number} + 0.0)"
        if canonical
        else f"CAST(to_json({number}) AS VARCHAR)"
    )
    return f"CASE WHEN isfinite({number}) THEN {shown} END"


def _moment(expression: str) -> str:
    return f"""'"' || strftime({expression}, '%Y-%m-%dT%H:%M:%S.%gZ') || '"'"""


def _list(expression: str, kind: Any, canonical: bool, depth: int) -> str:
    element = f"e{depth}"
    inner = json_value(element, dict(kind.children)["child"], canonical=canonical, depth=depth + 1)
    items = f"list_transform({expression}, lambda {element}: coalesce({inner}, 'null'))"
    return f"'[' || array_to_string({items}, ',') || ']'"


def _struct(expression: str, kind: Any, canonical: bool, depth: int) -> str:
    fields = {field: (f"({expression}).{sql_name(field)}", of) for field, of in kind.children}
    body = json_object(fields, canonical=canonical, depth=depth)
    return f"CASE WHEN {expression} IS NOT NULL THEN {body} END"


def json_object(
    values: Mapping[str, tuple[str, Any]], *, canonical: bool = False, depth: int = 0
) -> str:
    """A JSON object of named (expression, type) pairs: keys sorted, nulls absent."""
    ready = {
        key: json_value(expression, kind, canonical=canonical, depth=depth)
        for key, (expression, kind) in values.items()
    }
    return json_members(ready)


def json_members(values: Mapping[str, str]) -> str:
    """A JSON object of named expressions that are JSON text already: keys sorted, nulls absent."""
    import orjson

    if not values:
        return "'{}'"
    members = ", ".join(
        f"{sql_text(orjson.dumps(key).decode() + ':')} || {values[key]}" for key in sorted(values)
    )
    return f"'{{' || concat_ws(',', {members}) || '}}'"
