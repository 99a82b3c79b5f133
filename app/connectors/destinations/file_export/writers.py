"""Writers of local files, with bounded memory and equal bytes for equal rows."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from app.connectors.destinations.file_export.options import FileOptions
from app.connectors.destinations.file_export.rows import Column
from app.core.clock import to_wire

ROW_GROUP = 65_536

# Starts of cells that a spreadsheet reads as a formula, also after blanks and invisible characters, and in full-width letters.
_INVISIBLE = r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*"
_FORMULA = re.compile(_INVISIBLE + r"[=+\-@＝＋－＠]|[ \u00a0]*[\t\r\n\x00]")  # noqa: RUF001
# Cells that no spreadsheet runs although they begin so: phone numbers (E.164), negative numbers, and ids.
_HARMLESS = re.compile(r"\+[1-9][0-9]{6,14}|-[0-9][0-9.,]*([eE][+-]?[0-9]+)?|-?[A-Za-z0-9_-]+")


class Writer(AbstractContextManager["Writer"], Protocol):
    """Writes rows to one file. Leaving the context finishes it."""

    @property
    def changed_cells(self) -> int:
        """The number of cells that differ from their value, because a spreadsheet would run it."""

    def write(self, values: Sequence[Sequence[Any] | pa.Array]) -> None:
        """Add rows, given column by column."""


def open_writer(
    path: Path, options: FileOptions, columns: Sequence[Column], metadata: Mapping[str, str]
) -> Writer:
    """Open a writer for the format of the options."""
    if options.format == "parquet":
        return ParquetFile(path, columns, options.effective_compression, metadata)
    return CsvFile(path, columns, options)


class CsvFile(AbstractContextManager["CsvFile"]):
    """RFC 4180 in UTF-8, with CR LF line ends and a header; without a byte order mark unless the options ask for it."""

    def __init__(self, path: Path, columns: Sequence[Column], options: FileOptions) -> None:
        self._file: IO[bytes] = path.open("wb")
        self._guard = options.formula_guard is True
        self.changed_cells = 0
        # The gzip header has no time and no name, so that a retry writes equal bytes.
        self._stream: IO[bytes] | gzip.GzipFile = (
            gzip.GzipFile(filename="", mode="wb", fileobj=self._file, mtime=0, compresslevel=6)
            if options.effective_compression == "gzip"
            else self._file
        )
        self._text = io.TextIOWrapper(
            io.BufferedWriter(_Unclosed(self._stream), 1 << 18),
            encoding="utf-8",
            errors="replace",
            newline="",
            write_through=False,
        )
        self._csv = csv.writer(self._text, delimiter=options.delimiter, lineterminator="\r\n")
        if options.byte_order_mark:
            self._text.write("\ufeff")
        self._csv.writerow([self._cell(column.name) for column in columns])

    def write(self, values: Sequence[Sequence[Any] | pa.Array]) -> None:
        self._csv.writerows(zip(*map(self._cells, values), strict=True))

    def _cells(self, column: Sequence[Any] | pa.Array) -> list[Any]:
        if isinstance(column, pa.Array):
            column = column.to_pylist()
        # Columns with one value are common, and most text cells begin with a letter or digit.
        if column and column.count(column[0]) == len(column):
            return [self._cell(column[0], len(column))] * len(column)
        cell = self._cell
        return [
            value if type(value) is str and value[:1].isalnum() else cell(value) for value in column
        ]

    def _cell(self, value: Any, times: int = 1) -> Any:
        if isinstance(value, str):
            if self._guard and _FORMULA.match(value) and not _HARMLESS.fullmatch(value):
                self.changed_cells += times
                return f"'{value}"
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, datetime):
            return to_wire(value)
        return value

    def __exit__(self, *exception: object) -> None:
        self._text.close()
        if self._stream is not self._file:
            self._stream.close()
        _finish(self._file)


class _Unclosed(io.RawIOBase):
    """Passes bytes on. The owner closes the stream."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(bytes(data))
        return len(data)


class ParquetFile(AbstractContextManager["ParquetFile"]):
    """Row groups of at most 65,536 rows, with the facts of the file in its metadata."""

    changed_cells = 0

    def __init__(
        self,
        path: Path,
        columns: Sequence[Column],
        compression: Any,
        metadata: Mapping[str, str],
    ) -> None:
        self._schema = pa.schema(
            [pa.field(column.name, column.type) for column in columns],
            metadata={name.encode(): value.encode() for name, value in metadata.items()},
        )
        self._file = path.open("wb")
        self._writer = pq.ParquetWriter(self._file, self._schema, compression=compression)
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, values: Sequence[Sequence[Any] | pa.Array]) -> None:
        arrays = [
            column if isinstance(column, pa.Array) else pa.array(column, field.type)
            for column, field in zip(values, self._schema, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._batches.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._batches, schema=self._schema)
        self._writer.write_table(table, row_group_size=ROW_GROUP)
        self._batches, self._rows = [], 0

    def __exit__(self, *exception: object) -> None:
        if self._rows and exception == (None, None, None):
            self._flush()
        self._writer.close()
        _finish(self._file)


def _finish(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
