"""Uploads as relations, with messages that locate their faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from app.core.errors import Invalid
from app.snapshots.engine import Cursor, Upload
from app.snapshots.reading.compression import uncompressed
from app.snapshots.reading.csv_input import csv_fault, csv_source
from app.snapshots.reading.ndjson_input import ndjson_fault, ndjson_source
from app.snapshots.reading.parquet_input import parquet_source
from app.snapshots.reading.source import Source, first_line


@contextmanager
def open_upload(cursor: Cursor, upload: Upload, scratch: Path) -> Iterator[Source]:
    """Open an upload as a relation for a ``with`` block. Raises Invalid for faults found now or by queries in the block.

    A compressed upload is uncompressed next to ``scratch``.
    """
    plain = scratch.with_name(f"{scratch.name}.plain")
    try:
        path = uncompressed(upload, plain)
        source = _source(cursor, upload, path)
        try:
            yield source
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise _explained(error, source) from error
    finally:
        plain.unlink(missing_ok=True)


def _source(cursor: Cursor, upload: Upload, path: Path) -> Source:
    if path.stat().st_size == 0:
        raise Invalid("The upload is empty; it needs at least a header or one row.")
    match upload.format:
        case "csv":
            return csv_source(upload, path)
        case "ndjson":
            return ndjson_source(cursor, upload, path)
        case "parquet":
            return parquet_source(cursor, upload, path)


def _explained(error: duckdb.Error, source: Source) -> Invalid:
    """Translate an error of the engine for the author of the file."""
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
            return csv_fault(str(error), source)
        case "ndjson":
            return ndjson_fault(source.path, error)
        case "parquet":
            return Invalid(f"The Parquet file is damaged: {first_line(error, source.path)}")
