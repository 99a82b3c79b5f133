"""Notations of numbers and dates that stay text: a decimal comma, commas between thousands, and dates such as 31.12.2026."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.snapshots.engine import Cursor, fetch_values, sql_name
from app.snapshots.reading.surviving_kinds import surviving_kinds

_WHOLE = r"-?(0|[1-9]\d*)"
_PATTERNS: Mapping[str, str] = {
    "comma": rf"{_WHOLE}(,\d+)?",
    "dots": r"-?[1-9]\d{0,2}(\.\d{3})*(,\d+)?|-?0(,\d+)?",  # 1.234,50
    "thousands": r"-?[1-9]\d{0,2}(,\d{3})*(\.\d+)?|-?0(\.\d+)?",  # 1,234.50
    "date": r"(0?[1-9]|[12]\d|3[01])\.(0?[1-9]|1[0-2])\.\d{4}",
}
_DATE = "%d.%m.%Y"
_MOST_DIGITS = 18  # of a DECIMAL that the engine computes with fast


@dataclass(frozen=True, slots=True)
class Notation:
    """How all values of a text column are written.

    ``conversion`` is the expression of the same values as numbers or dates; one that does not fit becomes NULL. ``unfit`` counts
    values of this form that do not fit, such as 31.02.2026.
    """

    words: str
    conversion: str
    unfit: int = 0


def other_notations(
    cursor: Cursor, relation: str, values: Mapping[str, str]
) -> dict[str, Notation]:
    """Return the notations of text columns whose values are all numbers or dates of one notation that stays text.

    ``values`` maps columns to expressions of their text over ``relation``. Returns ``{column: notation}``. Nothing is converted.
    """
    left = surviving_kinds(cursor, relation, values, _PATTERNS, _test)
    found: dict[str, Notation] = {}
    for column, kinds in left.items():
        if kinds == ["date"]:
            found[column] = _of_dates(cursor, relation, column, values[column])
        elif kinds:
            notation = _of_numbers(cursor, relation, column, values[column], kinds)
            if notation is not None:
                found[column] = notation
    return found


def _test(value: str, kind: str) -> str:
    return f"regexp_full_match({value}, '{_PATTERNS[kind]}')"


def _of_dates(cursor: Cursor, relation: str, column: str, value: str) -> Notation:
    unfit = f"count(*) FILTER ({value} IS NOT NULL AND try_strptime({value}, '{_DATE}') IS NULL)"
    (count,) = fetch_values(cursor, [unfit], relation)
    converted = f"CAST(try_strptime({sql_name(column)}, '{_DATE}') AS DATE)"
    return Notation("dates such as 31.12.2026", converted, count)


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
        return f"TRY_CAST({text} AS DOUBLE)"
    return f"TRY_CAST({text} AS DECIMAL({_MOST_DIGITS}, {decimals}))"
