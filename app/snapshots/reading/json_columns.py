"""JSON columns of NDJSON uploads as typed columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from app.snapshots.engine import Cursor, fetch_values, sql_name, sql_text
from app.snapshots.reading.detection import fraction_types, typed_columns
from app.snapshots.reading.exact_values import double_keeps, is_plain, keeps_digits

_NUMBERS = {"BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT", "DOUBLE"}
_LONG = _NUMBERS | {"VARCHAR"}
_KINDS = sorted(_LONG | {"BOOLEAN", "ARRAY", "OBJECT"})  # of json_type, without NULL


def typed_json_columns(
    cursor: Cursor,
    relation: str,
    columns: list[str],
    known: Mapping[str, Any],
    *,
    long: Collection[str] = (),
    dates: bool = False,
) -> dict[str, str]:
    """Detect the types of JSON columns; ``known`` types are kept.

    Texts stay text (``dates``: dates and times get their types), numbers become BIGINT, DECIMAL or DOUBLE. Numbers become
    text if one has more digits than these keep; ``long`` are columns in which such numbers are texts already. Nested and
    mixed values stay JSON with sorted keys. Returns ``{column: expression of the detected type}``.
    """
    left = [column for column in columns if column not in known]
    kinds = _kinds(cursor, relation, left)
    numbers = [column for column in left if kinds[column] and kinds[column] <= _NUMBERS]
    texts = [column for column in left if kinds[column] <= {"VARCHAR"}]
    found_long = [column for column in left if column in long and kinds[column] <= _LONG]
    found = {column: _as_known(column, known[column]) for column in columns if column in known}
    found |= _typed_numbers(cursor, relation, numbers)
    found |= _typed_texts(cursor, relation, texts, dates)
    found |= _long_numbers(cursor, relation, {column: _text(column) for column in found_long})
    for column in left:
        if column not in found:
            boolean = kinds[column] == {"BOOLEAN"}
            found[column] = f"CAST({sql_name(column)} AS BOOLEAN)" if boolean else _json(column)
    return {column: found[column] for column in columns}


def _typed_numbers(cursor: Cursor, relation: str, columns: list[str]) -> dict[str, str]:
    plain = {column: _text(column) for column in columns}
    shaped = typed_columns(cursor, relation, plain, {"BIGINT", "FRACTION"})
    left = [column for column, value in shaped.items() if value == plain[column]]
    return shaped | _long_numbers(cursor, relation, {column: plain[column] for column in left})


def _long_numbers(cursor: Cursor, relation: str, texts: dict[str, str]) -> dict[str, str]:
    """Return columns of long numbers as DOUBLE if that keeps every digit, else as a wide DECIMAL; others stay texts."""
    if not texts:
        return {}
    doubles = {column: f"TRY_CAST({text} AS DOUBLE)" for column, text in texts.items()}
    kept = _all_hold(
        cursor, relation, {c: double_keeps(text, doubles[c]) for c, text in texts.items()}, texts
    )
    plain = _all_hold(cursor, relation, {c: is_plain(text) for c, text in texts.items()}, texts)
    wide = fraction_types(cursor, relation, {c: texts[c] for c in plain - kept}, most_digits=38)
    decimals = {c: kind for c, kind in wide.items() if kind not in {"VARCHAR", "DECIMAL(38, 0)"}}
    return (
        texts
        | {column: doubles[column] for column in kept}
        | {column: f"CAST({texts[column]} AS {kind})" for column, kind in decimals.items()}
    )


def _all_hold(
    cursor: Cursor, relation: str, conditions: dict[str, str], texts: dict[str, str]
) -> set[str]:
    """Return the columns whose condition holds for all texts."""
    checks = [
        f"bool_and({condition}) FILTER ({texts[column]} IS NOT NULL)"
        for column, condition in conditions.items()
    ]
    row = fetch_values(cursor, checks, relation)
    return {column for column, holds in zip(conditions, row, strict=True) if holds}


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
    # As bits, because each DISTINCT aggregate holds a table: 100 of them need more memory than a small service has.
    kinds = ", ".join(map(sql_text, _KINDS))
    bits = [
        f"bit_or(1 << list_position([{kinds}], json_type({sql_name(column)})))"
        for column in columns
    ]
    row = fetch_values(cursor, bits, relation)
    return {
        column: {kind for place, kind in enumerate(_KINDS, 1) if (found or 0) >> place & 1}
        for column, found in zip(columns, row, strict=True)
    }


def _as_known(column: str, kind: Any) -> str:
    """Cast a column to the type that the membership has. A value that does not fit fails with the column's name."""
    if str(kind) == "JSON":
        return _json(column)
    plain = _text(column)
    if kind.id == "varchar":
        return plain
    value, fits = f"TRY_CAST({plain} AS {kind})", keeps_digits(plain, kind)
    if kind.id == "timestamp":
        value = f"(TRY_CAST({plain} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    fault = sql_text(f"trait does not fit: {column} ({kind}): ")
    return f"CASE WHEN {plain} IS NULL THEN NULL WHEN {value} IS NULL OR NOT ({fits}) THEN error({fault} || {plain}) ELSE {value} END"
