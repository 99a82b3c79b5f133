"""Conditions that a JSON value is kept with every digit by an engine type."""

from __future__ import annotations

from typing import Any

from app.snapshots.reading.detection import fits_text

_PLAIN = "-?(0|[1-9]\\d*)(\\.\\d+)?"
_FLOATS = {"float": 6, "double": 15}  # digits that are always kept
_WHOLE = {
    "tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint",
}  # fmt: skip


def keeps_digits(text: str, kind: Any) -> str:
    """Return the condition that the text of a JSON value has an equal value of an engine type.

    A float equals a text of up to 15 digits, and a text that it is printed as.
    """
    value = f"TRY_CAST({text} AS {kind})"
    if kind.id in _FLOATS:
        return double_keeps(text, value, _FLOATS[kind.id])
    if kind.id in _WHOLE or kind.id == "decimal":
        return f"""CASE WHEN {is_plain(text)}
            THEN {_short(text)} = {_short(f"CAST({value} AS VARCHAR)")} OR TRY_CAST({text} AS DOUBLE) = 0
            ELSE {_digits(text)} <= 15 AND TRY_CAST({text} AS DOUBLE) = CAST({value} AS DOUBLE) END"""
    if kind.id in {"boolean", "date", "timestamp"}:
        return fits_text(text, kind)
    return f"{value} IS NOT NULL"


def double_keeps(text: str, value: str, digits: int = 15) -> str:
    """Return the condition that a floating-point ``value`` keeps the digits of a text."""
    return f"""(isfinite({value}) AND ({_digits(text)} <= {digits}
        OR {_short(_exponent(text))} = {_short(_exponent(f"CAST({value} AS VARCHAR)"))}))"""


def is_plain(text: str) -> str:
    """Return the condition that a text is a number without an exponent."""
    return f"regexp_full_match({text}, '{_PLAIN}')"


def _digits(text: str) -> str:
    """Return the number of digits without zeros at the beginning and without the exponent."""
    return f"strlen(ltrim(regexp_replace(split_part(lower({text}), 'e', 1), '[-.]', '', 'g'), '0'))"


def _short(text: str) -> str:
    return f"CASE WHEN contains({text}, '.') AND NOT contains({text}, 'e') THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"


def _exponent(text: str) -> str:
    """Return a text with its exponent as ``e22`` or ``e-7``."""
    return f"regexp_replace(lower({text}), 'e\\+?(-?)0*([0-9])', 'e\\1\\2')"
