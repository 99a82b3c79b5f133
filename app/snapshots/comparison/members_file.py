"""A partner's list as a local file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_ROWS_AT_ONCE = 20_000


class MembersFile:
    """Writes pages of a partner's members as one Parquet file: ``n, list, partner_id``, and each identity field as text."""

    def __init__(self, path: Path, fields: Sequence[str]) -> None:
        texts = [pa.field(field, pa.string()) for field in ("list", "partner_id", *fields)]
        columns: list[pa.Field[Any]] = [pa.field("n", pa.int64()), *texts]
        self._schema = pa.schema(columns)
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[Mapping[str, str]] = []
        self.rows = 0

    def add(self, page: Sequence[Mapping[str, str]], target: str) -> None:
        """Append a page of a list. Small pages are written together."""
        self._rows += [{**member, "list": target} for member in page]
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        columns: list[pa.Array[Any]] = [
            pa.array(range(self.rows, self.rows + len(rows)), pa.int64())
        ]
        columns += [
            pa.array([row.get(field) for row in rows], pa.string())
            for field in self._schema.names[1:]
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self.rows += len(rows)

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._writer.close()
