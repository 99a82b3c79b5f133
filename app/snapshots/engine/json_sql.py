"""SQL expressions that write values as JSON, or as the canonical text that is hashed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.snapshots.engine.sql import sql_name, sql_text

#: Types whose text is their JSON already.
_PRINTED = {
    "json", "boolean", "tinyint", "smallint", "integer", "bigint", "hugeint",
    "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint",
}  # fmt: skip


def json_value(expression: str, kind: Any, *, canonical: bool = False, depth: int = 0) -> str:
    """Write a value of an engine type as JSON text: NULL for NULL and for numbers that JSON cannot express.

    ``canonical`` is the form that is hashed: floats with 12 significant digits, decimals without trailing zeros. Times
    are RFC 3339 in UTC with milliseconds.
    """
    if kind.id in _PRINTED or _is_json(kind):
        return f"CAST({expression} AS VARCHAR)"
    match kind.id:
        case "decimal":
            return _decimal(expression, kind, canonical)
        case "float" | "double":
            return _float(expression, kind, canonical)
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


def spelled_value(expression: str) -> str:
    """Write a text in the form that is hashed, as the number or truth value that it spells, or else as a JSON text."""
    whole = "-?(0|[1-9]\\d*)"
    return f"""CASE WHEN regexp_full_match({expression}, '{whole}') OR {expression} IN ('true', 'false') THEN {expression}
        WHEN regexp_full_match({expression}, '{whole}\\.\\d+') THEN rtrim(rtrim({expression}, '0'), '.')
        ELSE CAST(to_json({expression}) AS VARCHAR) END"""


def _is_json(kind: Any) -> bool:
    return str(kind).upper() == "JSON"


def _decimal(expression: str, kind: Any, canonical: bool) -> str:
    plain = f"CAST({expression} AS VARCHAR)"
    scale = dict(kind.children)["scale"]
    return f"rtrim(rtrim({plain}, '0'), '.')" if canonical and scale else plain


def _float(expression: str, kind: Any, canonical: bool) -> str:
    number = f"CAST({expression} AS DOUBLE)"
    # Of single precision, 19.99 is the double 19.989999771118164.
    plain = f"CAST(CAST({expression} AS VARCHAR) AS DOUBLE)" if kind.id == "float" else number
    shown = f"CAST(to_json({plain}) AS VARCHAR)"
    if canonical:
        # Digits beyond the twelfth differ by the order of a sum, except those of whole numbers, such as ids.
        whole = f"{number} = trunc({number}) AND abs({number}) BETWEEN 1e12 AND {2**53}"
        exact = f"CAST(CAST({number} AS BIGINT) AS VARCHAR)"
        shown = f"CASE WHEN {whole} THEN {exact} ELSE format('{{:.12g}}', {number} + 0.0) END"
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
    """Write named (expression, type) pairs as a JSON object with sorted keys, without nulls."""
    ready = {
        key: json_value(expression, kind, canonical=canonical, depth=depth)
        for key, (expression, kind) in values.items()
    }
    return json_members(ready)


def json_members(values: Mapping[str, str]) -> str:
    """Write named expressions of JSON text as a JSON object with sorted keys, without nulls."""
    if not values:
        return "'{}'"
    members = ", ".join(
        f"{sql_text(orjson.dumps(key).decode() + ':')} || {values[key]}" for key in sorted(values)
    )
    return f"'{{' || concat_ws(',', {members}) || '}}'"
