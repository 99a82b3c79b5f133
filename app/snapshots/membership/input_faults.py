"""Faults of an uploaded membership, with the line and column of the first one."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from app.core.errors import Invalid
from app.domain.normalise import normalise
from app.snapshots.engine import Cursor, sql_name, sql_text
from app.snapshots.membership.column_values import key_sql
from app.snapshots.membership.id_faults import IdFaults
from app.snapshots.membership.member_input import MemberColumns
from app.snapshots.reading import Source, csv_values, has_half_character


def refuse_faulty(
    cursor: Cursor,
    source: Source,
    columns: MemberColumns,
    faults: IdFaults,
    *,
    removed: bool = False,
) -> None:
    """Raise Invalid if ids are missing, repeated or contain control characters.

    ``faults`` are those of the written file. ``removed``: the file is a delta.
    """
    if faults.missing:
        raise _missing(cursor, source, columns.member)
    for column in columns.required[1:]:
        empty = f"SELECT 1 FROM {source.sql} WHERE {key_sql(source, column)} IS NULL LIMIT 1"
        if cursor.execute(empty).fetchall():
            raise _missing(cursor, source, column)
    if faults.control is not None:
        raise _control(columns.member, faults.control)
    if faults.repeated:
        raise _repeated(columns.member, faults.repeated, removed)


def _control(column: str, member: str) -> Invalid:
    shown = orjson.dumps(member[:100]).decode()
    return Invalid(f"{column} has a control character: {shown}.", data={"column": column})


def _repeated(column: str, members: list[str], removed: bool) -> Invalid:
    words = "in both add and remove, or twice" if removed else "more than once"
    return Invalid(
        f"{column} must be unique (blanks at its ends do not count); these occur {words}: "
        f"{', '.join(members)}.",
        data={"column": column, "duplicates": members},
    )


def _missing(cursor: Cursor, source: Source, column: str) -> Invalid:
    unit = (
        "Row" if source.upload.format == "parquet" else "Line"
    )  # also a row of a definition's result
    for row, value in _values(cursor, source, column):
        if value is None or (isinstance(value, str) and _is_missing(value, source)):
            return Invalid(f"{unit} {row} has no {column}.", data={"row": row, "column": column})
        if column in source.broken and has_half_character(value):
            words = f"{unit} {row}: {column} has half a character (a surrogate without its pair)."
            return Invalid(words, data={"row": row, "column": column})
        if not isinstance(value, str) and not _is_whole(value):
            return Invalid(
                f"{unit} {row}: {column} must be text or an integer, not {orjson.dumps(value).decode()[:100]}.",
                data={"row": row, "column": column},
            )
    return Invalid(f"A row has no {column}.", data={"column": column})


def _is_missing(value: str, source: Source) -> bool:
    return normalise(value, "text", words=source.upload.absent_words) is None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**64


def _values(cursor: Cursor, source: Source, column: str) -> Iterator[tuple[int, Any]]:
    """Read a column again, with rows (CSV and NDJSON: lines); of Parquet only the first empty value."""
    match source.upload.format:
        case "csv":
            yield from csv_values(source, column)
        case "ndjson":
            with source.path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield number, _parsed(line).get(column)
        case "parquet":
            yield from _first_empty(cursor, source, column)


def _parsed(line: bytes) -> Any:
    """Parse a line of NDJSON. A number beyond the range of doubles, which the fast parser refuses, is infinity."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line, parse_int=float, parse_float=float)


def _first_empty(cursor: Cursor, source: Source, column: str) -> list[tuple[int, Any]]:
    """Find the first row of a Parquet file whose id is missing."""
    query = f"""SELECT file_row_number + 1, {sql_name(column)} FROM
        read_parquet({sql_text(str(source.path))}, file_row_number = true)
        WHERE {key_sql(source, column)} IS NULL LIMIT 1"""
    return cursor.execute(query).fetchall()
