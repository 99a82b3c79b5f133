"""Uploads as relations, with messages that locate their faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb

from app.core.errors import Invalid
from app.domain.charsets import DETECT
from app.snapshots.engine import Cursor, Dialect, Upload
from app.snapshots.reading.charset_detection import find_charset, is_utf8
from app.snapshots.reading.compression import compression, decompress
from app.snapshots.reading.csv_input import csv_fault, csv_source
from app.snapshots.reading.encodings import has_mark, marked_encoding, write_utf8
from app.snapshots.reading.file_faults import file_faults
from app.snapshots.reading.ndjson_input import in_columns, ndjson_fault, ndjson_source
from app.snapshots.reading.parquet_input import parquet_source
from app.snapshots.reading.source import Source, first_line
from app.snapshots.reading.upload_shape import refuse_shape


@contextmanager
def open_upload(cursor: Cursor, upload: Upload, scratch: Path) -> Iterator[Source]:
    """Open an upload as a relation for a ``with`` block. Raises Invalid for faults found now or by queries in the block.

    Its uncompressed form, in UTF-8, is written next to ``scratch`` if needed.
    """
    with ExitStack() as files:
        source = _source(cursor, upload, _Scratch(scratch, files))
        refuse_shape(source.columns)
        with file_faults(partial(_explained, source)):
            yield source


class _Scratch:
    """Creates the names of files next to another one, and deletes the files at the end."""

    def __init__(self, beside: Path, files: ExitStack) -> None:
        self._beside, self._files = beside, files

    def file(self, suffix: str) -> Path:
        path = self._beside.with_name(f"{self._beside.name}.{suffix}")
        self._files.callback(path.unlink, missing_ok=True)
        return path


def _source(cursor: Cursor, upload: Upload, scratch: _Scratch) -> Source:
    path, dialect = upload.path, Dialect(compression=compression(upload))
    if (packed := compression(upload)) is not None:
        path = scratch.file("plain")
        decompress(upload, packed, path)
    if path.stat().st_size == 0:
        raise Invalid("The upload is empty; it needs at least a header or one row.")
    if upload.format == "parquet":
        return parquet_source(cursor, upload, path, dialect)
    encoding = marked_encoding(path)
    marked = encoding != "utf-8" or has_mark(path)
    detected_by = None
    if upload.charset == DETECT and not marked:
        encoding, detected_by = _detected(path)
    elif upload.charset is not None and not marked:
        encoding = upload.charset
    if encoding != "utf-8":
        path, raw = scratch.file("text"), path
        write_utf8(raw, encoding, path)
    dialect = replace(dialect, encoding=encoding, byte_order_mark=marked, detected_by=detected_by)
    if upload.format == "csv":
        return csv_source(upload, path, dialect, scratch.file("rows"))
    source = ndjson_source(cursor, upload, path, dialect, scratch.file("rows"))
    return in_columns(cursor, source, scratch.file("columns")) if upload.frugal else source


def _detected(path: Path) -> tuple[str, str | None]:
    """Return the encoding of a file, and the letters that it was detected by, None for UTF-8. Raises Invalid if it is not clear."""
    if is_utf8(path):
        return "utf-8", None
    found = find_charset(path)
    return found.charset, found.letters


def _explained(source: Source, error: duckdb.Error) -> Invalid:
    """Translate an error of the engine for the author of the file."""
    if marked := re.search(r"identifier is not text: (.+)", str(error)):
        column = marked.group(1)
        kinds = "text or a list of texts"
        if column not in {"email", "phone"}:
            kinds = "text, an integer of up to 64 bits, or a list of them"
        return Invalid(f"{column} must be {kinds}.", data={"column": column})
    if marked := re.search(r"binary values are no text: (.+)", str(error)):
        column = marked.group(1)
        return Invalid(
            f"{column} has binary values that are no UTF-8 text.", data={"column": column}
        )
    if marked := re.search(r"trait does not fit: (.+?) \((.+?)\): (.*)", str(error)):
        column, kind, value = marked.groups()
        return Invalid(
            f"{column} holds {kind}; this does not fit: {value[:100]}", data={"column": column}
        )
    match source.upload.format:
        case "csv":
            return csv_fault(str(error), source)
        case "ndjson":
            return ndjson_fault(source.path, error)
        case "parquet":
            return Invalid(f"The Parquet file is damaged: {first_line(error, source.path)}")
