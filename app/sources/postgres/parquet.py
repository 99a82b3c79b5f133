"""Writes rows to a Parquet file with bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app.sources.postgres.columns import Column
from app.sources.postgres.failures import QueryRejected

_GROUP_ROWS = 122_880
_GROUP_BYTES = 32 * 1024 * 1024


class RowFile:
    """Writes rows in groups. Exact numbers get a scale that fits all of them.

    If a number has more decimal places than all numbers before it, the file is rewritten. This is rare: a column of
    PostgreSQL usually has one scale.
    """

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._path = path
        self._schema = pa.schema([(column.name, column.type) for column in columns])
        self._waiting: list[Any] = []
        self._waiting_bytes = 0
        self._writer = _writer(path, self._schema)
        self._written = False
        self.rows = 0
        self.bytes = 0  # in memory

    def add(self, rows: Any) -> int:
        """Add a record batch. Returns its size in bytes. Raises QueryRejected if a number does not fit."""
        batch = pa.Table.from_batches([rows])
        self._waiting.append(batch)
        self._waiting_bytes += batch.nbytes
        self.rows += len(batch)
        self.bytes += batch.nbytes
        if self._waiting_bytes >= _GROUP_BYTES or sum(map(len, self._waiting)) >= _GROUP_ROWS:
            self._flush()
        return int(batch.nbytes)

    def close(self) -> None:
        """Write the remaining rows and the end of the file."""
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Close and remove the file."""
        try:
            self._writer.close()
        finally:  # closing fails if the disk is full
            remove(self._path)

    def _flush(self) -> None:
        if not self._waiting:
            return
        self._fit([batch.schema for batch in self._waiting])
        self._writer.write_table(
            pa.concat_tables([_cast(batch, self._schema) for batch in self._waiting])
        )
        self._waiting, self._waiting_bytes, self._written = [], 0, True

    def _fit(self, schemas: Sequence[Any]) -> None:
        fields = []
        for index, field in enumerate(self._schema):
            if pa.types.is_decimal(field.type):
                scale = max(schema.field(index).type.scale for schema in schemas)
                field = field.with_type(pa.decimal128(38, max(scale, field.type.scale)))
            fields.append(field)
        wider = pa.schema(fields)
        if not wider.equals(self._schema):
            self._rewrite(wider)

    def _rewrite(self, schema: Any) -> None:
        self._writer.close()
        rewritten = _wider(self._path)
        self._writer = _writer(rewritten, schema)
        self._schema = schema
        if self._written:
            with pq.ParquetFile(self._path) as former:
                for group in range(former.num_row_groups):
                    self._writer.write_table(_cast(former.read_row_group(group), schema))
        rewritten.replace(self._path)


def remove(path: Path) -> None:
    """Remove a file and its rewritten copy, if they exist."""
    for part in (path, _wider(path)):
        part.unlink(missing_ok=True)


def _wider(path: Path) -> Path:
    return path.with_name(f"{path.name}.wider")


def _writer(path: Path, schema: Any) -> Any:
    # The smallest and largest text of each column would be copies of rows that can be large.
    ranged = [field.name for field in schema if pa.types.is_primitive(field.type)]
    return pq.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=False, write_statistics=ranged
    )


def _cast(table: Any, schema: Any) -> Any:
    try:
        return table.cast(schema)
    except pa.ArrowInvalid:
        names = ", ".join(field.name for field in schema if pa.types.is_decimal(field.type))
        raise QueryRejected(
            f"A number has more than 38 digits, in one of {names}; round it, or cast it to double precision."
        ) from None
