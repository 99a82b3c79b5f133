"""Which types the text columns of an upload have, told from all of their values.

A column gets a type only where its values would print back the same: ``00001``, ``+5`` and numbers of too many digits
stay text. Fractions become DECIMAL(18, s) with s <= 6 where they fit, so that sums are exact, else DOUBLE.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, fetch_one, sql_name

_SAMPLE = 20_000
_TRUTHS = "'true', 'false', 'True', 'False', 'TRUE', 'FALSE'"
_ZONE = "(Z|[+-]\\d{2}(:?\\d{2})?)"
_MOMENT = "\\d{4}-\\d{2}-\\d{2}[T ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,6})?)?"
_FRACTION = "-?(0|[1-9]\\d*)(\\.\\d+)?"
_CODES = [
    "id",
    "uuid",
    "guid",
    "email",
    "phone",
    "zip",
    "zipcode",
    "postcode",
    "postal_code",
    "sku",
    "ean",
    "gtin",
    "upc",
    "isbn",
    "iban",
]


def is_code(column: str) -> bool:
    """Whether a column's name says that it holds identifiers or codes, which stay text."""
    lower = column.lower()
    return (
        lower in _CODES
        or lower.endswith(("_id", "_ids", "_uuid", "_email", "_phone"))
        or re.search(r"[a-z](Id|ID)$", column) is not None
    )


def _tests(value: str) -> dict[str, str]:
    """Type by type, whether a text value is of it; tried in this order."""
    return {
        "BOOLEAN": f"{value} IN ({_TRUTHS})",
        "BIGINT": f"CAST(TRY_CAST({value} AS BIGINT) AS VARCHAR) IS NOT DISTINCT FROM {value}",
        "FRACTION": f"regexp_full_match({value}, '{_FRACTION}')",
        "DATE": f"CAST(TRY_CAST({value} AS DATE) AS VARCHAR) IS NOT DISTINCT FROM {value}",
        "TIMESTAMP": f"(regexp_full_match({value}, '{_MOMENT}') "
        f"AND TRY_CAST({value} AS TIMESTAMP) IS NOT NULL)",
        "TIMESTAMPTZ": f"(regexp_full_match({value}, '{_MOMENT}{_ZONE}') "
        f"AND TRY_CAST({value} AS TIMESTAMPTZ) IS NOT NULL)",
    }


def typed_columns(
    cursor: Cursor, relation: str, values: dict[str, str], allowed: Collection[str] | None = None
) -> dict[str, str]:
    """An expression of the right type for each column.

    ``values``: column name to an expression for its text over ``relation``; ``allowed`` types, default all.
    """
    left = {
        column: [kind for kind in _tests("x") if allowed is None or kind in allowed]
        for column in values
    }
    # A single value against a type settles it, so a sample leaves few questions to the whole.
    for part in (f"(SELECT * FROM {relation} LIMIT {_SAMPLE})", relation):
        left = _survivors(cursor, part, values, left)
    fractions = [column for column, kinds in left.items() if kinds[:1] == ["FRACTION"]]
    shapes = _fraction_types(cursor, relation, {column: values[column] for column in fractions})
    return {
        column: _cast(values[column], shapes.get(column) or (kinds[0] if kinds else "VARCHAR"))
        for column, kinds in left.items()
    }


def _survivors(
    cursor: Cursor, relation: str, values: dict[str, str], left: dict[str, list[str]]
) -> dict[str, list[str]]:
    asked = [(column, kind) for column, kinds in left.items() for kind in kinds]
    if not asked:
        return left
    # Where a column has no value at all, every test is NULL, and the column stays as it is: text in the end.
    checks = ", ".join(
        f"bool_and({_tests(values[column])[kind]}) FILTER ({values[column]} IS NOT NULL)"
        for column, kind in asked
    )
    row = fetch_one(cursor, f"SELECT {checks} FROM {relation}")
    kept: dict[str, list[str]] = {column: [] for column in values}
    for (column, kind), holds in zip(asked, row, strict=True):
        if holds:
            kept[column].append(kind)
    return kept


def _fraction_types(cursor: Cursor, relation: str, values: dict[str, str]) -> dict[str, str]:
    """DECIMAL, DOUBLE or VARCHAR for columns of numbers of which some have a fraction."""
    if not values:
        return {}
    measures = ", ".join(
        f"max(strlen(ltrim(split_part({value}, '.', 1), '-'))), "
        f"max(strlen(rtrim(split_part({value}, '.', 2), '0'))), "
        f"max(strlen(ltrim(replace(replace({value}, '.', ''), '-', ''), '0')))"
        for value in values.values()
    )
    row = fetch_one(cursor, f"SELECT {measures} FROM {relation}")
    found = {}
    for index, column in enumerate(values):
        whole, scale, digits = row[3 * index : 3 * index + 3]
        if scale <= 6 and whole + max(scale, 1) <= 18:
            found[column] = f"DECIMAL(18, {max(scale, 1)})"
        else:
            found[column] = "DOUBLE" if digits <= 15 else "VARCHAR"
    return found


def _cast(value: str, kind: str) -> str:
    if kind == "VARCHAR":
        return value
    if kind == "TIMESTAMPTZ":  # kept as UTC without a zone, like $as_of
        return f"(CAST({value} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    return f"CAST({value} AS {kind})"


def named(columns: Collection[str]) -> dict[str, str]:
    """Columns as the expressions of their own text."""
    return {column: sql_name(column) for column in columns}


def parquet_trait(column: str, kind: Any) -> str:
    """A Parquet column as a trait; ``Invalid`` for types that no trait can have."""
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
        f"The column {column} has the type {kind}, which no column can have here.",
        data={"column": column},
    )


def _nested(kind: Any) -> bool:
    if kind.id in {"list", "array"}:
        return _nested(dict(kind.children)["child"])
    if kind.id == "struct":
        return all(_nested(of) for _, of in kind.children)
    return kind.id in _SCALARS or kind.id.startswith("timestamp")


_SCALARS = {
    "varchar", "char", "json", "boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint",
    "uinteger", "ubigint", "float", "double", "decimal", "date",
}  # fmt: skip


_AS_TEXT = {"uuid", "enum", "time", "time with time zone", "interval"}
