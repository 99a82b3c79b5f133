"""JSON columns of NDJSON uploads as typed columns."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.snapshots.engine import Cursor, fetch_one, sql_name, sql_text
from app.snapshots.reading.detection import typed_columns

_NUMBERS = {"BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT", "DOUBLE"}


def typed_json_columns(
    cursor: Cursor,
    relation: str,
    columns: list[str],
    known: Mapping[str, Any],
    *,
    dates: bool = False,
) -> dict[str, str]:
    """Detect the types of JSON columns; ``known`` types are kept.

    Texts stay text (``dates``: dates and times get their types), numbers become BIGINT, DECIMAL or DOUBLE, nested and
    mixed values stay JSON with sorted keys. Returns ``{column: expression of the detected type}``.
    """
    left = [column for column in columns if column not in known]
    kinds = _kinds(cursor, relation, left)
    numbers = [column for column in left if kinds[column] and kinds[column] <= _NUMBERS]
    texts = [column for column in left if kinds[column] <= {"VARCHAR"}]
    found = {column: _as_known(column, known[column]) for column in columns if column in known}
    found |= _typed_numbers(cursor, relation, numbers)
    found |= _typed_texts(cursor, relation, texts, dates)
    for column in left:
        if column not in found:
            boolean = kinds[column] == {"BOOLEAN"}
            found[column] = f"CAST({sql_name(column)} AS BOOLEAN)" if boolean else _json(column)
    return {column: found[column] for column in columns}


def _typed_numbers(cursor: Cursor, relation: str, columns: list[str]) -> dict[str, str]:
    plain = {column: _text(column) for column in columns}
    shaped = typed_columns(cursor, relation, plain, {"BIGINT", "FRACTION"})
    return {
        column: f"CAST({plain[column]} AS DOUBLE)" if value == plain[column] else value
        for column, value in shaped.items()
    }


def _typed_texts(cursor: Cursor, relation: str, columns: list[str], dates: bool) -> dict[str, str]:
    plain = {column: _text(column) for column in columns}
    if not dates:
        return plain
    return typed_columns(cursor, relation, plain, {"DATE", "TIMESTAMP", "TIMESTAMPTZ"})


def _text(column: str) -> str:
    return f"({sql_name(column)} ->> '$')"


def _json(column: str) -> str:
    quoted = sql_name(column)
    return f"""CASE WHEN json_type({quoted}) <> 'NULL'
        THEN CAST(canonical_json(CAST({quoted} AS VARCHAR)) AS JSON) END"""


def _kinds(cursor: Cursor, relation: str, columns: list[str]) -> dict[str, set[str]]:
    if not columns:
        return {}
    lists = ", ".join(f"list(DISTINCT json_type({sql_name(column)}))" for column in columns)
    row = fetch_one(cursor, f"SELECT {lists} FROM {relation}")
    return {
        column: set(found or ()) - {"NULL", None}
        for column, found in zip(columns, row, strict=True)
    }


def _as_known(column: str, kind: Any) -> str:
    """Cast a column to the type that the membership has. A value that does not fit fails with the column's name."""
    if str(kind) == "JSON":
        return _json(column)
    plain = _text(column)
    if kind.id == "varchar":
        return plain
    value = f"TRY_CAST({plain} AS {kind})"
    if kind.id == "timestamp":
        value = f"(TRY_CAST({plain} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    fault = sql_text(f"trait does not fit: {column} ({kind}): ")
    return f"CASE WHEN {plain} IS NULL THEN NULL WHEN {value} IS NULL THEN error({fault} || {plain}) ELSE {value} END"
