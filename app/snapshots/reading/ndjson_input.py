"""NDJSON uploads: their relation, and their faults."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb
import orjson

from app.core.errors import Invalid
from app.snapshots.engine import Counts, Cursor, Dialect, Upload, column_types, sql_text
from app.snapshots.reading.encodings import UTF8_MARK
from app.snapshots.reading.file_faults import file_faults
from app.snapshots.reading.ndjson_layouts import wrong_layout
from app.snapshots.reading.ndjson_repair import needs_repair, repair_ndjson
from app.snapshots.reading.source import MAX_LINE, Source, first_line, refuse_repeated
from app.snapshots.reading.upload_shape import refuse_many

_FIRST_ROWS = 20_480
_LONGEST = 16 * 1024 * 1024  # bytes of a line


def ndjson_source(
    cursor: Cursor, upload: Upload, path: Path, dialect: Dialect, repaired: Path
) -> Source:
    """Open an NDJSON file, ``repaired`` if needed. Raises Invalid if its lines are not JSON objects."""
    replaced: Counts = {}
    if needs_repair(path):
        replaced, path = repair_ndjson(path, repaired), repaired
    relation = f"{sql_text(str(path))}, format = 'newline_delimited'"
    with file_faults(partial(ndjson_fault, path)):
        names = _plain_names(cursor, path, relation) or _detected(cursor, relation, -1)
    if names == ["json"] and not _has_key(path, "json"):
        raise ndjson_fault(path, None)
    refuse_repeated(names)
    columns = ", ".join(f"{sql_text(column)}: 'JSON'" for column in names)
    sql = f"read_json({relation}, columns = {{{columns}}})"
    kinds = dict.fromkeys(names, duckdb.sqltype("JSON"))
    return Source(sql, kinds, upload, path, dialect, replaced=replaced)


def _plain_names(cursor: Cursor, path: Path, relation: str) -> list[str] | None:
    """Return the keys of the rows if they are plain: equal in all rows, or all found in the first rows.

    The engine's own detection takes seconds for 20,000 different keys, and hours for a million. So too many are refused here.
    Returns None if only the detection can say what is wrong: a row is empty, or has a key twice. Raises Invalid for too
    many keys, for keys that differ in case only, for rows that are no objects, and DuckDB's errors for text that is not JSON.
    """
    sql = (
        f"WITH rows AS MATERIALIZED (SELECT DISTINCT json_keys(json) AS keys FROM read_json_objects({relation})) "
        "SELECT (SELECT count(DISTINCT key) FROM (SELECT unnest(keys) AS key FROM rows)), count(*), any_value(keys), "
        "bool_or(len(keys) = 0 OR len(keys) != len(list_distinct(keys))), "
        # Of names that differ in case only, the engine would read one, and nothing of the rows that have the other one.
        "(SELECT list(key ORDER BY key) AS alike FROM (SELECT DISTINCT unnest(keys) AS key FROM rows) "
        "GROUP BY lower(key) HAVING count(*) > 1 ORDER BY alike LIMIT 1) FROM rows"
    )
    columns, different, keys, is_odd, alike = cursor.execute(sql).fetchall()[0]
    if is_odd:
        _refuse_others(cursor, path, relation)
    refuse_many(columns)
    refuse_repeated(alike or [])
    if different == 0 or is_odd:
        return None
    names: list[str] = keys if different == 1 else _detected(cursor, relation, _FIRST_ROWS)
    return names if len(names) == columns else None


def _refuse_others(cursor: Cursor, path: Path, relation: str) -> None:
    """Raise Invalid if a row is no object. The engine would read the row ``null`` as one without values."""
    other = f"SELECT 1 FROM read_json_objects({relation}) WHERE json_type(json) != 'OBJECT' LIMIT 1"
    if cursor.execute(other).fetchall():
        raise ndjson_fault(path, None)


def _detected(cursor: Cursor, relation: str, rows: int) -> list[str]:
    """Return the columns that the engine finds in so many rows; -1: in all."""
    # Without the threshold, the engine takes rows with 200 keys for dictionaries, and finds no column.
    options = f"sample_size = {rows}, maximum_depth = 1, map_inference_threshold = -1"
    return list(column_types(cursor, f"SELECT * FROM read_json({relation}, {options})"))


def in_columns(cursor: Cursor, source: Source, out: Path) -> Source:
    """Write the values as columns of small groups of rows, and read them from there.

    The engine parses a whole line for each query. Wide and long lines then need many times the memory of a few rows.
    """
    cursor.execute(
        f"COPY (SELECT * FROM {source.sql}) TO {sql_text(str(out))} "
        "(FORMAT parquet, COMPRESSION lz4, ROW_GROUP_SIZE 2048)"
    )
    return replace(source, sql=f"read_parquet({sql_text(str(out))})")


def _has_key(path: Path, key: str) -> bool:
    """Report whether the first row that is not empty has a key."""
    with path.open("rb") as file:
        for line in iter(lambda: file.readline(MAX_LINE), b""):
            try:
                row = orjson.loads(line) if line.strip() else None
            except orjson.JSONDecodeError:
                return False
            if row:
                return isinstance(row, dict) and key in row
    return False


def ndjson_fault(path: Path, error: Exception | None) -> Invalid:
    """Find the first faulty line. Reads the file again, which only an error is worth.

    ``error`` is that of the engine; None means that it found no column, or a line that is no object.
    """
    rows = start = 0
    with path.open("rb") as file:
        for line, row in enumerate(iter(lambda: file.readline(64 * MAX_LINE), b""), 1):
            if row.strip():
                if fault := _line_fault(path, line, row, start, first=not rows):
                    return Invalid(fault, data={"row": line})
                rows += 1
            start += len(row)
    if error is None:
        found_rows = "its objects are empty" if rows else "it has only empty lines"
        return Invalid(f"The NDJSON has no columns: {found_rows}.")
    found = re.search(r"in line (\d+): (.+)", str(error))
    if found:
        return Invalid(
            f"Line {found.group(1)}: {found.group(2)}", data={"row": int(found.group(1))}
        )
    return Invalid(f"The NDJSON cannot be read: {first_line(error, path)}")


def _line_fault(path: Path, line: int, row: bytes, start: int, *, first: bool) -> str | None:
    """Return what is wrong with a line that begins at a byte of the file, or None."""
    is_long = len(row) > _LONGEST
    try:
        value = None if is_long else orjson.loads(row.removeprefix(UTF8_MARK))
        fault = "is not a JSON object"
    except orjson.JSONDecodeError as error:
        value, fault = None, f"is not valid JSON: {error}"
    if isinstance(value, dict):
        return (
            f"Line {line} has a key without a name; name it, or leave it out."
            if "" in value
            else None
        )
    if is_long:
        fault = "is longer than 16 MiB"
    return wrong_layout(path, line, start, first=first) or f"Line {line} {fault}."
