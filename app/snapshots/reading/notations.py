"""Notations of numbers and dates that stay text: a decimal comma, commas between thousands, and dates such as 31.12.2026."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.snapshots.engine import Cursor, fetch_values, sql_name

_SAMPLE = 20_000
_WHOLE = r"-?(0|[1-9]\d*)"
_PATTERNS: Mapping[str, str] = {
    "comma": rf"{_WHOLE}(,\d+)?",
    "dots": r"-?[1-9]\d{0,2}(\.\d{3})*(,\d+)?|-?0(,\d+)?",  # 1.234,50
    "thousands": r"-?[1-9]\d{0,2}(,\d{3})*(\.\d+)?|-?0(\.\d+)?",  # 1,234.50
    "date": r"(0?[1-9]|[12]\d|3[01])\.(0?[1-9]|1[0-2])\.\d{4}",
}
_MOST_DIGITS = 18  # of a DECIMAL that the engine computes with fast


@dataclass(frozen=True, slots=True)
class Notation:
    """How all values of a text column are written; ``conversion`` is the expression of the same values as numbers or dates."""

    words: str
    conversion: str


def other_notations(
    cursor: Cursor, relation: str, values: Mapping[str, str]
) -> dict[str, Notation]:
    """Return the notations of text columns whose values are all numbers or dates of one notation that stays text.

    ``values`` maps columns to expressions of their text over ``relation``. Returns ``{column: notation}``. Nothing is converted.
    """
    left: dict[str, list[str]] = {column: list(_PATTERNS) for column in values}
    # One value can rule a notation out, so a sample leaves few columns for the whole relation.
    for part in (f"(SELECT * FROM {relation} LIMIT {_SAMPLE})", relation):
        left = _survivors(cursor, part, values, left)
    found: dict[str, Notation] = {}
    for column, kinds in left.items():
        if kinds == ["date"]:
            converted = f"CAST(strptime({sql_name(column)}, '%d.%m.%Y') AS DATE)"
            found[column] = Notation("dates such as 31.12.2026", converted)
        elif kinds:
            notation = _of_numbers(cursor, relation, column, values[column], kinds)
            if notation is not None:
                found[column] = notation
    return found


def _survivors(
    cursor: Cursor, relation: str, values: Mapping[str, str], left: dict[str, list[str]]
) -> dict[str, list[str]]:
    asked = [(column, kind) for column, kinds in left.items() for kind in kinds]
    checks = [
        f"bool_and(regexp_full_match({values[column]}, '{_PATTERNS[kind]}')) FILTER ({values[column]} IS NOT NULL)"
        for column, kind in asked
    ]
    kept: dict[str, list[str]] = {}
    for (column, kind), holds in zip(asked, fetch_values(cursor, checks, relation), strict=True):
        if holds:
            kept.setdefault(column, []).append(kind)
    return kept


def _of_numbers(
    cursor: Cursor, relation: str, column: str, value: str, kinds: list[str]
) -> Notation | None:
    """Return the notation of a column of numbers; None if no value has a comma: then it is text for another reason."""
    comma, dots, decimals, after_dot, digits = fetch_values(
        cursor,
        [
            f"coalesce(bool_or(contains({value}, ',')), false)",
            f"coalesce(bool_or(contains({value}, '.')), false)",
            f"coalesce(max(strlen(split_part({value}, ',', 2))), 0)",
            f"coalesce(max(strlen(split_part({value}, '.', 2))), 0)",
            f"coalesce(max(strlen(regexp_replace({value}, '[^0-9]', '', 'g'))), 0)",
        ],
        relation,
    )
    if not comma:
        return None
    name = sql_name(column)
    if "comma" in kinds or "dots" in kinds:
        plain = f"replace({name}, '.', '')" if dots else name
        converted = _as_decimal(f"replace({plain}, ',', '.')", decimals, digits)
        if "thousands" in kinds:
            words = "numbers with a comma such as 1,234, which may be decimal or between thousands"
        else:
            words = f"numbers with a decimal comma such as {'1.234,50' if dots else '12,50'}"
        return Notation(words, converted)
    converted = _as_decimal(f"replace({name}, ',', '')", after_dot, digits)
    return Notation("numbers with commas between thousands such as 1,234.50", converted)


def _as_decimal(text: str, decimals: int, digits: int) -> str:
    """Return the expression of a text as an exact number, or as a floating-point number if it has too many digits."""
    if digits > _MOST_DIGITS:
        return f"CAST({text} AS DOUBLE)"
    return f"CAST({text} AS DECIMAL({_MOST_DIGITS}, {decimals}))"
