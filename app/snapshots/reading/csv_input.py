"""CSV uploads: their relation, and their faults."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

import csv
import io
import re
from itertools import islice
from pathlib import Path

import duckdb

from app.core.errors import Invalid
from app.snapshots.engine import Dialect, Upload, sql_name, sql_text
from app.snapshots.reading.source import MAX_LINE, Source, first_line, refuse_repeated

_CHUNK = 4 * 1024 * 1024
_SAMPLE = 1_000  # records that decide the delimiter


def csv_source(upload: Upload, path: Path) -> Source:
    """Open a CSV file. Raises Invalid for a faulty header, NUL bytes or very long lines."""
    _scan(path)
    delimiter, header = _header(path)
    columns = ", ".join(f"{sql_text(column)}: 'VARCHAR'" for column in header)
    sql = (
        f"read_csv({sql_text(str(path))}, header = true, delim = {sql_text(delimiter)}, quote = '\"', "
        f"escape = '\"', auto_detect = false, max_line_size = {MAX_LINE}, columns = {{{columns}}})"
    )
    kinds = dict.fromkeys(header, duckdb.sqltype("VARCHAR"))
    if len(header) == 1:  # skip blank lines; the engine does so only if there are several columns
        sql = f"(SELECT * FROM {sql} WHERE {sql_name(header[0])} IS NOT NULL)"
    dialect = Dialect(encoding="utf-8", delimiter=delimiter, quote='"')
    return Source(sql, kinds, upload, path, dialect)


def _scan(path: Path) -> None:
    """Find NUL bytes and very long lines, which the engine reports badly or not at all."""
    line, since = 1, 0
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            if (position := piece.find(b"\0")) >= 0:
                line += piece.count(b"\n", 0, position)
                raise Invalid(f"Line {line} has a NUL byte.", data={"row": line})
            end = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
            since = since + len(piece) if end < 0 else len(piece) - end - 1
            line += piece.count(b"\n")
            if since > MAX_LINE:
                raise Invalid(f"Line {line} is longer than {MAX_LINE:,} bytes.", data={"row": line})


def _header(path: Path) -> tuple[str, list[str]]:
    with path.open("rb") as file:
        first = file.read(MAX_LINE)
    try:
        # The limit may cut a character in two; that is no fault of the file.
        start = first.decode("utf-8-sig", errors="strict" if len(first) < MAX_LINE else "ignore")
    except UnicodeDecodeError as error:
        line = first.count(b"\n", 0, error.start) + 1
        raise _not_utf8(line) from None
    csv.field_size_limit(MAX_LINE)
    delimiter = _delimiter(start)
    try:
        header = next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise Invalid(f"The header line cannot be read ({error}).", data={"row": 1}) from None
    names = [column.strip() for column in header]
    if not any(names):
        raise Invalid("The file begins with an empty line; it needs a header.", data={"row": 1})
    if "" in names:
        raise Invalid(f"Column {names.index('') + 1} of the header has no name.", data={"row": 1})
    refuse_repeated(names)
    return delimiter, names


def _delimiter(start: str) -> str:
    """Choose the delimiter that divides every whole record of a sample. Raises Invalid if several do."""
    line = re.split(r"[\r\n]", start, maxsplit=1)[0]
    fitting = [delimiter for delimiter in ",;\t|" if _divides(start, delimiter)]
    if len(fitting) > 1:
        shown = " and ".join({"\t": "tab"}.get(one, one) for one in fitting)
        raise Invalid(
            f"The delimiters {shown} both fit every line; quote the values that contain one of them.",
            data={"row": 1},
        )
    if fitting:
        return fitting[0]
    return max(",;\t|", key=line.count) if "," not in line else ","


def _divides(start: str, delimiter: str) -> bool:
    """Report whether a delimiter gives the first records one number of columns, two or more."""
    rows = csv.reader(io.StringIO(start, newline=""), delimiter=delimiter)
    try:
        sample = [row for row in islice(rows, _SAMPLE) if row]
    except csv.Error:
        return False
    if sample and any('"' in name for name in sample[0]):
        return False  # a quote within a name: another delimiter was meant
    widths = [len(row) for row in sample]
    if len(widths) > 1 and len(start) >= MAX_LINE - 4 and next(rows, None) is None:
        widths.pop()  # the sample may end within its last record
    return bool(widths) and widths[0] > 1 and len(set(widths)) == 1


def _not_utf8(line: int) -> Invalid:
    return Invalid(f"Line {line} is not UTF-8 text; save the file as UTF-8.", data={"row": line})


def csv_fault(message: str, source: Source) -> Invalid:
    """Translate an error of the engine about a CSV file."""
    found = re.search(r"on Line: (\d+)", message)
    line = int(found.group(1)) if found else None
    data = {"row": line} if line else None
    where = f"Line {line}" if line else "The file"
    if "not utf-8" in message.lower() or "invalid unicode" in message.lower():
        return _not_utf8(line or 1)
    if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message):
        return _ragged(source, line or 1, int(counts.group(1)), int(counts.group(2)))
    if "unterminated quote" in message:
        return Invalid(f"{where} has a quoted value without its closing quote.", data=data)
    if "aximum line size" in message or "does not support a full read" in message:
        return Invalid(f"{where} is longer than {MAX_LINE:,} bytes.", data=data)
    if "invalid state" in message:
        return Invalid(
            "The file mixes line endings (CR LF and LF), or has quotes in the wrong place."
        )
    return Invalid(f"{where} cannot be read as CSV: {first_line(message, source.path)}", data=data)


def _ragged(source: Source, line: int, expected: int, found: int) -> Invalid:
    names = list(source.columns)
    if found < expected:
        column = names[min(found, len(names) - 1)]
        return Invalid(
            f"Line {line} has {found} of {expected} columns; {column} is missing.",
            data={"row": line, "column": column},
        )
    return Invalid(f"Line {line} has {found} columns, the header {expected}.", data={"row": line})
