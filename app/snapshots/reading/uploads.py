"""Reading what users upload: CSV, NDJSON and Parquet as relations, with clear words for what is wrong in them."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import duckdb
import orjson
import zstandard

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, Upload, column_types, sql_name, sql_text

_CHUNK = 4 * 1024 * 1024
_MAX_LINE = 2_000_000  # bytes; the engine's own limit for CSV
_MAX_PLAIN = 64 * 1024**3  # bytes that a compressed upload may grow to


@dataclass(frozen=True, slots=True)
class Source:
    """An upload as a relation. CSV and NDJSON columns are text and JSON; Parquet's have their types."""

    sql: str
    columns: dict[str, Any]
    upload: Upload
    path: Path
    delimiter: str = ","
    single: bool = field(default=False)


@contextmanager
def open_upload(cursor: Cursor, upload: Upload, scratch: Path) -> Iterator[Source]:
    """The upload's relation while the block runs; errors of the engine in it become ``Invalid``.

    ``scratch``: a path that may be used for the uncompressed form of a compressed upload.
    """
    plain = scratch.with_name(f"{scratch.name}.plain")
    try:
        path = _uncompressed(upload, plain)
        source = _source(cursor, upload, path)
        try:
            yield source
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise explained(error, source) from error
    finally:
        plain.unlink(missing_ok=True)


def _uncompressed(upload: Upload, plain: Path) -> Path:
    if upload.encoding is None:
        return upload.path
    try:
        with upload.path.open("rb") as raw, plain.open("wb") as out:
            pieces = _gunzip(raw) if upload.encoding == "gzip" else _unzstd(raw)
            size = 0
            for piece in pieces:
                size += len(piece)
                if size > _MAX_PLAIN:
                    raise Invalid(f"The uncompressed upload is larger than {_MAX_PLAIN >> 30} GiB.")
                out.write(piece)
    except EOFError:
        raise Invalid(
            f"The {upload.encoding} data ends in the middle: the upload was cut."
        ) from None
    except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise Invalid(f"The upload is not valid {upload.encoding} data ({error}).") from None
    return plain


def _gunzip(raw: IO[bytes]) -> Iterator[bytes]:
    with gzip.open(raw) as stream:
        while piece := stream.read(_CHUNK):
            yield piece


def _unzstd(raw: IO[bytes]) -> Iterator[bytes]:
    """All frames of the stream; EOFError where the last one is not complete (the library's reader stays silent)."""
    frame, left, any_frame = zstandard.ZstdDecompressor().decompressobj(), b"", False
    while piece := left or raw.read(_CHUNK // 8):
        any_frame = True
        yield frame.decompress(piece)
        left = b""
        if frame.eof:
            left = frame.unused_data
            frame, any_frame = zstandard.ZstdDecompressor().decompressobj(), False
    if any_frame:
        raise EOFError


def _source(cursor: Cursor, upload: Upload, path: Path) -> Source:
    if path.stat().st_size == 0:
        raise Invalid("The upload is empty; it needs at least a header or one row.")
    match upload.format:
        case "csv":
            return _csv(upload, path)
        case "ndjson":
            return _ndjson(cursor, upload, path)
        case "parquet":
            return _parquet(cursor, upload, path)


# CSV


def _csv(upload: Upload, path: Path) -> Source:
    _scan(path)
    delimiter, header = _header(path)
    columns = ", ".join(f"{sql_text(column)}: 'VARCHAR'" for column in header)
    sql = (
        f"read_csv({sql_text(str(path))}, header = true, delim = {sql_text(delimiter)}, quote = '\"', "
        f"escape = '\"', auto_detect = false, max_line_size = {_MAX_LINE}, columns = {{{columns}}})"
    )
    kinds = dict.fromkeys(header, duckdb.sqltype("VARCHAR"))
    if len(header) == 1:  # a blank line of a single column is a blank line, as it is of several
        sql = f"(SELECT * FROM {sql} WHERE {sql_name(header[0])} IS NOT NULL)"
    return Source(sql, kinds, upload, path, delimiter, len(header) == 1)


def _scan(path: Path) -> None:
    """What the engine would not tell, or not well: NUL bytes and endless lines."""
    line, since = 1, 0
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            if (position := piece.find(b"\0")) >= 0:
                line += piece.count(b"\n", 0, position)
                raise Invalid(f"Line {line} has a NUL byte.", data={"row": line})
            end = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
            since = since + len(piece) if end < 0 else len(piece) - end - 1
            line += piece.count(b"\n")
            if since > _MAX_LINE:
                raise Invalid(
                    f"Line {line} is longer than {_MAX_LINE:,} bytes.", data={"row": line}
                )


def _header(path: Path) -> tuple[str, list[str]]:
    with path.open("rb") as file:
        first = file.read(_MAX_LINE)
    try:
        # A character that the limit cut is no fault of the file.
        start = first.decode("utf-8-sig", errors="strict" if len(first) < _MAX_LINE else "ignore")
    except UnicodeDecodeError as error:
        line = first.count(b"\n", 0, error.start) + 1
        raise _not_utf8(line) from None
    line_text = re.split(r"[\r\n]", start, maxsplit=1)[0]
    delimiter = max(",;\t|", key=line_text.count) if "," not in line_text else ","
    try:
        header = next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise Invalid(f"The header line cannot be read ({error}).", data={"row": 1}) from None
    names = [column.strip() for column in header]
    if not any(names):
        raise Invalid("The file begins with an empty line; it needs a header.", data={"row": 1})
    if "" in names:
        raise Invalid(f"Column {names.index('') + 1} of the header has no name.", data={"row": 1})
    _refuse_repeated(names)
    return delimiter, names


def _refuse_repeated(names: list[str]) -> None:
    seen: set[str] = set()
    for column in names:
        if column.lower() in seen:
            raise Invalid(f"The column {column} stands twice.", data={"column": column})
        seen.add(column.lower())


def _not_utf8(line: int) -> Invalid:
    return Invalid(f"Line {line} is not UTF-8 text; save the file as UTF-8.", data={"row": line})


# NDJSON


def _ndjson(cursor: Cursor, upload: Upload, path: Path) -> Source:
    relation = f"{sql_text(str(path))}, format = 'newline_delimited'"
    probe = f"SELECT * FROM read_json({relation}, sample_size = -1, maximum_depth = 1)"
    try:
        names = list(column_types(cursor, probe))
    except duckdb.Error as error:
        raise _ndjson_fault(path, error) from error
    if names == ["json"] and not _has_key(path, "json"):
        raise _ndjson_fault(path, None)
    _refuse_repeated(names)
    columns = ", ".join(f"{sql_text(column)}: 'JSON'" for column in names)
    sql = f"read_json({relation}, columns = {{{columns}}})"
    return Source(sql, dict.fromkeys(names, duckdb.sqltype("JSON")), upload, path)


def _has_key(path: Path, key: str) -> bool:
    with path.open("rb") as file:
        try:
            return key in orjson.loads(file.readline(_MAX_LINE))
        except (orjson.JSONDecodeError, TypeError):
            return False


def _ndjson_fault(path: Path, error: Exception | None) -> Invalid:
    """Find the first line at fault by reading the file anew; only errors come here."""
    with path.open("rb") as file:
        for line, row in enumerate(iter(lambda: file.readline(64 * _MAX_LINE), b""), 1):
            if len(row) > 16 * 1024 * 1024:
                return Invalid(f"Line {line} is longer than 16 MiB.", data={"row": line})
            if not row.strip():
                continue
            try:
                value = orjson.loads(row)
            except orjson.JSONDecodeError as fault:
                return Invalid(f"Line {line} is not valid JSON: {fault}.", data={"row": line})
            if not isinstance(value, dict):
                return Invalid(f"Line {line} is not a JSON object.", data={"row": line})
    told = re.search(r"in line (\d+): (.+)", str(error))
    if told:
        return Invalid(f"Line {told.group(1)}: {told.group(2)}", data={"row": int(told.group(1))})
    return Invalid(f"The NDJSON cannot be read: {_first_line(error, path)}")


# Parquet


def _parquet(cursor: Cursor, upload: Upload, path: Path) -> Source:
    sql = f"read_parquet({sql_text(str(path))})"
    try:
        columns = column_types(cursor, f"SELECT * FROM {sql}")
    except duckdb.Error as error:
        raise Invalid(f"This is not a whole Parquet file: {_first_line(error, path)}") from error
    return Source(sql, columns, upload, path)


# Errors


def explained(error: duckdb.Error, source: Source) -> Invalid:
    """What the engine said about an upload, in words for whoever made the file."""
    if marked := re.search(r"identifier is not text: (.+)", str(error)):
        column = marked.group(1)
        return Invalid(f"{column} must be text or a list of texts.", data={"column": column})
    if marked := re.search(r"trait does not fit: (.+?) \((.+?)\): (.*)", str(error)):
        column, kind, value = marked.groups()
        return Invalid(
            f"{column} holds {kind}; this does not fit: {value[:100]}", data={"column": column}
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return Invalid("The upload needs more memory than the engine has; make its rows smaller.")
    match source.upload.format:
        case "csv":
            return _csv_fault(str(error), source)
        case "ndjson":
            return _ndjson_fault(source.path, error)
        case "parquet":
            return Invalid(f"The Parquet file is damaged: {_first_line(error, source.path)}")


def _csv_fault(message: str, source: Source) -> Invalid:
    found = re.search(r"on Line: (\d+)", message)
    line = int(found.group(1)) if found else None
    data = {"row": line} if line else None
    where = f"Line {line}" if line else "The file"
    if "not utf-8" in message.lower() or "invalid unicode" in message.lower():
        return _not_utf8(line or 1)
    if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message):
        return _ragged(source, line or 1, int(counts.group(1)), int(counts.group(2)))
    if "unterminated quote" in message:
        return Invalid(f"{where} has a quoted value that is not closed as it should be.", data=data)
    if "aximum line size" in message or "does not support a full read" in message:
        return Invalid(f"{where} is longer than {_MAX_LINE:,} bytes.", data=data)
    if "invalid state" in message:
        return Invalid(
            "The file's lines end in different ways (CR LF and LF), or quotes stand where none may."
        )
    return Invalid(f"{where} cannot be read as CSV: {_first_line(message, source.path)}", data=data)


def _ragged(source: Source, line: int, expected: int, found: int) -> Invalid:
    names = list(source.columns)
    if found < expected:
        column = names[min(found, len(names) - 1)]
        return Invalid(
            f"Line {line} has {found} of {expected} columns; {column} is missing.",
            data={"row": line, "column": column},
        )
    return Invalid(f"Line {line} has {found} columns, the header {expected}.", data={"row": line})


def _first_line(error: object, path: Path | None = None) -> str:
    """The first line of an error, without its class and without the path of our own file."""
    line = str(error).split("\n", 1)[0]
    line = re.sub(r"^[A-Za-z ]+ Error: ", "", line)
    return line.replace(str(path), "the upload") if path else line
