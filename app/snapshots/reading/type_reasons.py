"""Reasons for the types of columns, in words for the report on an upload."""

from __future__ import annotations

from app.snapshots.reading.detection import is_code
from app.snapshots.reading.notations import Notation
from app.snapshots.reading.source import Source


def type_reason(source: Source, column: str, kind: str, notation: Notation | None = None) -> str:
    """Return in one sentence why a column of an upload has an engine type. ``notation`` is that of a text column, if it has one."""
    if notation is not None:
        return f"All values look like {notation.words}. They stay text, because the service does not guess.{_unfit(notation)}"
    if source.upload.format == "parquet":
        return "The file has this type."
    if kind == "VARCHAR" and is_code(column):
        return "Its name suggests ids or codes, which stay text."
    if source.upload.format == "ndjson":
        return "All values fit this type."
    if kind == "VARCHAR":
        return "Not all values are numbers, dates or truth values of one form."
    return "All values fit this type."


def _unfit(notation: Notation) -> str:
    """Return how many values have the form of a date, and are none, as a sentence."""
    if not notation.unfit:
        return ""
    are = "value is" if notation.unfit == 1 else "values are"
    return f" {notation.unfit:,} {are} no day of the calendar, like 31.02.2026; a conversion leaves them out."
