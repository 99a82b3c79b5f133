"""Conversions of texts in definitions, as reports on uploads offer them: a value that does not fit is left out, and counted."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.snapshots.engine import Cursor, fetch_one, sql_name, sql_text

_NAME = r'"((?:[^"]|"")+)"'
_DATE = rf"CAST\(try_strptime\({_NAME}, '%d\.%m\.%Y'\) AS DATE\)"
_NUMBER = rf"TRY_CAST\((?:replace\()*{_NAME}(?:, '[.,]', '[.]?'\))* AS (?:DECIMAL\(18, \d{{1,2}}\)|DOUBLE)\)"
# Only these expressions are evaluated in the worker's own engine: they contain nothing that a user writes but a name.
_CONVERSION = re.compile(rf"{_DATE}|{_NUMBER}")
_MOST = 50  # conversions of one definition that are counted


def has_conversions(sql: str) -> bool:
    """Return whether a definition has conversions whose values are counted."""
    return _CONVERSION.search(sql) is not None


def conversion_notes(cursor: Cursor, sql: str, tables: Mapping[str, Path]) -> list[str]:
    """Return a sentence for each column with values that a conversion in a definition leaves out. ``tables`` are Parquet files by name."""
    notes: list[str] = []
    for expression, column in _conversions(sql):
        what = "date" if "strptime" in expression else "number"
        for table, path in tables.items():
            if not _is_text(path, column):
                continue
            count, first = fetch_one(cursor, _counted(expression, column, path))
            if count:
                are = f"value is no {what}" if count == 1 else f"values are no {what}s"
                notes.append(
                    f"{table}.{column}: {count:,} {are} of the form that the conversion expects, and left out; the first one is "
                    f"in row {first + 1:,} of the content."
                )
    return notes


def _conversions(sql: str) -> Sequence[tuple[str, str]]:
    """Return the expressions of conversions in a query, each once, with the column that they convert."""
    found = {one[0]: (one[1] or one[2]).replace('""', '"') for one in _CONVERSION.finditer(sql)}
    return list(found.items())[:_MOST]


def _is_text(path: Path, column: str) -> bool:
    schema = pq.read_schema(path)
    return column in schema.names and pa.types.is_string(schema.field(column).type)


def _counted(expression: str, column: str, path: Path) -> str:
    file = f"read_parquet({sql_text(str(path))}, file_row_number = true)"
    lost = f"coalesce(trim(CAST({sql_name(column)} AS VARCHAR)), '') <> '' AND {expression} IS NULL"
    return f"SELECT count(*), min(file_row_number) FROM {file} WHERE {lost}"
