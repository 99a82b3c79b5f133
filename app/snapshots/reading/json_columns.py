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
    """An expression of the right type for each JSON column; ``known`` types are kept.

    Texts stay text (``dates``: dates and times among them get their types), numbers become BIGINT, DECIMAL or DOUBLE,
    what is nested or mixed stays JSON, with sorted keys.
    """
    result = {column: _as_known(column, known[column]) for column in columns if column in known}
    left = [column for column in columns if column not in known]
    kinds = _kinds(cursor, relation, left)
    numbers = {
        column: f"({sql_name(column)} ->> '$')"
        for column in left
        if kinds[column] and kinds[column] <= _NUMBERS
    }
    texts = {
        column: f"({sql_name(column)} ->> '$')" for column in left if kinds[column] <= {"VARCHAR"}
    }
    shaped = typed_columns(cursor, relation, numbers, {"BIGINT", "FRACTION"})
    if dates:
        texts |= typed_columns(cursor, relation, texts, {"DATE", "TIMESTAMP", "TIMESTAMPTZ"})
    for column in left:
        if column in numbers:
            plain = shaped[column] == numbers[column]
            result[column] = f"CAST({numbers[column]} AS DOUBLE)" if plain else shaped[column]
        elif column in texts:
            result[column] = texts[column]
        elif kinds[column] == {"BOOLEAN"}:
            result[column] = f"CAST({sql_name(column)} AS BOOLEAN)"
        else:
            result[column] = _json(column)
    return {column: result[column] for column in columns}


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
    """The column in the type that the membership has already; a value that does not fit fails by its name."""
    if str(kind) == "JSON":
        return _json(column)
    plain = f"({sql_name(column)} ->> '$')"
    if kind.id == "varchar":
        return plain
    value = f"TRY_CAST({plain} AS {kind})"
    if kind.id == "timestamp":
        value = f"(TRY_CAST({plain} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    fault = sql_text(f"trait does not fit: {column} ({kind}): ")
    return f"CASE WHEN {plain} IS NULL THEN NULL WHEN {value} IS NULL THEN error({fault} || {plain}) ELSE {value} END"
