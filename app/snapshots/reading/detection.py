"""Types of text columns, detected from all of their values.

A column gets a type only if its values print back unchanged: ``00001``, ``+5`` and numbers with too many digits stay
text. Fractions become DECIMAL(18, s) with s <= 6 if they fit, otherwise DECIMAL(38, s), so that sums are exact.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from app.snapshots.engine import Cursor, fetch_values
from app.snapshots.reading.surviving_kinds import surviving_kinds

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
    """Report whether a column's name suggests identifiers or codes, which stay text."""
    lower = column.lower()
    return (
        lower in _CODES
        or lower.endswith(("_id", "_ids", "_uuid", "_email", "_phone"))
        or re.search(r"[a-z](Id|ID)$", column) is not None
    )


def _tests(value: str) -> dict[str, str]:
    """Return the test of a text value for each type, in the order of preference."""
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
    """Detect the types of text columns.

    ``values`` maps columns to expressions of their text over ``relation``. ``allowed`` are the types to try (default:
    all). Returns ``{column: expression of the detected type}``.
    """
    kinds = [kind for kind in _tests("x") if allowed is None or kind in allowed]
    left = surviving_kinds(cursor, relation, values, kinds, lambda value, kind: _tests(value)[kind])
    fractions = [column for column, kinds in left.items() if kinds[:1] == ["FRACTION"]]
    shapes = fraction_types(cursor, relation, {column: values[column] for column in fractions})
    return {
        column: _cast(values[column], shapes.get(column) or (kinds[0] if kinds else "VARCHAR"))
        for column, kinds in left.items()
    }


def fraction_types(
    cursor: Cursor, relation: str, values: dict[str, str], most_digits: int = 15
) -> dict[str, str]:
    """Choose DECIMAL or VARCHAR for columns of numbers with fractions. Numbers with more than ``most_digits`` are text.

    Returns ``{column: type}``.
    """
    measures = [
        measure
        for value in values.values()
        for measure in (
            f"max(strlen(ltrim(split_part({value}, '.', 1), '-')))",
            f"max(strlen(rtrim(split_part({value}, '.', 2), '0')))",
            f"max(strlen(ltrim(replace(replace({value}, '.', ''), '-', ''), '0')))",
        )
    ]
    row = fetch_values(cursor, measures, relation)
    found = {}
    for index, column in enumerate(values):
        whole, scale, digits = row[3 * index : 3 * index + 3]
        if scale <= 6 and whole + max(scale, 1) <= 18:
            found[column] = f"DECIMAL(18, {max(scale, 1)})"
        else:
            # JSON carries 15 digits exactly; a number with more of them stays text.
            fits = digits <= most_digits and whole + scale <= 38
            found[column] = f"DECIMAL(38, {scale})" if fits else "VARCHAR"
    return found


def fits_text(value: str, kind: Any) -> str:
    """Return the condition that a text fits an engine type without loss: it is printed back, or is the same number."""
    tests = _tests(value)
    match kind.id:
        case "varchar":
            return "true"
        case "decimal":
            scale = dict(kind.children)["scale"]
            rest = f"strlen(rtrim(split_part({value}, '.', 2), '0')) <= {scale}"
            return f"({tests['FRACTION']} AND {rest} AND TRY_CAST({value} AS {kind}) IS NOT NULL)"
        case "float" | "double":
            digits = f"strlen(ltrim(replace(replace({value}, '.', ''), '-', ''), '0'))"
            return f"({tests['FRACTION']} AND {digits} <= {15 if kind.id == 'double' else 6})"
        case "timestamp":
            return f"({tests['TIMESTAMP']} OR {tests['TIMESTAMPTZ']} OR {tests['DATE']})"
        case "boolean" | "date" | "bigint":
            return f"({tests[str(kind)]})"
        case _:
            return "false"


def cast_text(value: str, kind: Any) -> str:
    """Return the expression of a text as a value of an engine type that it fits (``fits_text``)."""
    if kind.id == "timestamp":
        return _cast(value, "TIMESTAMPTZ")
    return _cast(value, str(kind))


def _cast(value: str, kind: str) -> str:
    if kind == "VARCHAR":
        return value
    if kind == "TIMESTAMPTZ":  # stored as UTC without a zone, like $as_of
        return f"(CAST({value} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
    return f"CAST({value} AS {kind})"
