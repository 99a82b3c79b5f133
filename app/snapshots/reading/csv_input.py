"""CSV uploads: their relation, and their faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb

from app.core.errors import Invalid
from app.snapshots.engine import Dialect, Upload, sql_text
from app.snapshots.reading.csv_dialects import FoundDialect, find_dialect
from app.snapshots.reading.csv_records import CsvRecords
from app.snapshots.reading.csv_rewriting import rewrite_csv
from app.snapshots.reading.csv_samples import Sample, read_sample
from app.snapshots.reading.csv_scan import CsvScan, CsvScanner
from app.snapshots.reading.source import MAX_LINE, Source, first_line

# Bytes. The engine holds several buffers at a time, and its own default is 16 lines of the longest kind: 32 MB. It needs four.
_BUFFER = 4 * MAX_LINE


def csv_source(upload: Upload, path: Path, plain: Dialect, rewritten: Path) -> Source:
    """Open a CSV file. The engine reads regular files; others are rewritten as texts in a Parquet file.

    ``plain`` is the dialect as far as it is known. Raises Invalid, with the line, for faults.
    """
    sample = read_sample(path)
    _refuse_markup(sample)
    found = find_dialect(sample, plain, upload.delimiter, upload.usual_delimiter)
    records = CsvRecords(path, found)
    simple = records.read_header() and not found.dialect.skips_blanks and not found.sep_line
    delimiter = found.dialect.delimiter or ","
    scanner = CsvScanner(path, delimiter, len(records.names), records.starts)
    scan = scanner.scan(may_be_regular=simple and delimiter.isascii())
    if scan.regular:
        return _engine_source(upload, path, found, records, scan)
    done = rewrite_csv(records, rewritten)
    return Source(
        f"read_parquet({sql_text(str(rewritten))})",
        dict.fromkeys(done.columns, duckdb.sqltype("VARCHAR")),
        upload,
        path,
        _shown(found.dialect, records.names, list(records.ends)),
        records,
        _skipped(records),
        done.replaced,
    )


def _refuse_markup(sample: Sample) -> None:
    """Raise Invalid for files of other formats, which have one odd column if they are read as CSV."""
    begin = sample.text[:200].lstrip()
    for pattern, name in _MARKUP.items():
        if re.match(pattern, begin, re.IGNORECASE):
            raise Invalid(f"This is {name}, not CSV.", data={"row": 1})


_MARKUP = {
    r"<!doctype html|<html": "a web page (perhaps of a login)",
    r"<\?xml": "an XML file",
    r"\[\s*(\{|$)|\[[ \t]*[\r\n]": "a JSON array; write one object per line, and send it as application/x-ndjson "
    "(jq -c '.[]' file.json)",
    r"\{\s*\"": "JSON; send it as application/x-ndjson, with one object per line (jq -c . file.json)",
}


def _engine_source(
    upload: Upload, path: Path, found: FoundDialect, records: CsvRecords, scan: CsvScan
) -> Source:
    columns = ", ".join(f"{sql_text(column)}: 'VARCHAR'" for column in records.names)
    end = {"\n": "\\n", "\r\n": "\\r\\n"}[scan.line_end]
    # Several threads may begin within a value that has line ends.
    parallel = "false" if scan.broken_values else "true"
    sql = (
        f"read_csv({sql_text(str(path))}, header = true, delim = {sql_text(found.dialect.delimiter or ',')}, "
        f"quote = '\"', escape = '\"', new_line = {sql_text(end)}, auto_detect = false, parallel = {parallel}, "
        f"max_line_size = {MAX_LINE}, buffer_size = {_BUFFER}, columns = {{{columns}}})"
    )
    ends = ["LF" if scan.line_end == "\n" else "CRLF"]
    return Source(
        sql,
        dict.fromkeys(records.names, duckdb.sqltype("VARCHAR")),
        upload,
        path,
        _shown(found.dialect, records.names, ends),
        records,
    )


def _skipped(records: CsvRecords) -> dict[str, int]:
    columns = records.names.count("")
    return dict(records.skipped) | ({"empty_column": columns} if columns else {})


def _shown(dialect: Dialect, names: list[str], ends: list[str]) -> Dialect:
    """Return the dialect as the report shows it: one column has no delimiter."""
    delimiter = dialect.delimiter if len(names) > 1 else None
    return replace(dialect, delimiter=delimiter, line_ends=tuple(ends))


def csv_values(source: Source, column: str) -> Iterator[tuple[int, str]]:
    """Read a column again. Yields each record's first line in the file, and its value."""
    records = source.records
    assert records is not None  # noqa: S101  a CSV file has them
    for record in records:
        yield records.line, record[records.names.index(column)]


def csv_fault(message: str, source: Source) -> Invalid:
    """Translate an error of the engine about a CSV file: the fault that Python's reader finds, with its line, if any."""
    for _ in source.records or ():
        pass
    return Invalid(f"The file cannot be read as CSV: {first_line(message, source.path)}")
