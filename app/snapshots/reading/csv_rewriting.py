"""Irregular CSV files as Parquet files of texts, in the way in which Python's csv module reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.snapshots.reading.csv_records import CsvRecords
from app.snapshots.reading.encodings import whole_characters
from app.snapshots.reading.source import HALF

_ROWS = 50_000
_CHARACTERS = 16_000_000


@dataclass(slots=True)
class Rewritten:
    """Columns of a rewritten file, and values in which characters were changed, by column and reason."""

    columns: list[str]
    replaced: dict[str, dict[str, int]] = field(default_factory=dict)


def rewrite_csv(records: CsvRecords, out: Path) -> Rewritten:
    """Write the records to a Parquet file. Empty values are NULL. Raises Invalid, with the line, for faults."""
    done = Rewritten([name for name in records.names if name])
    schema = pa.schema([(name, pa.string()) for name in done.columns])
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    with pq.ParquetWriter(out, schema, compression="lz4") as writer:
        for rows in _portions(records):
            cells = zip(records.names, zip(*rows, strict=True), strict=True)
            columns = [
                _column(values, counts[name] if name else {}) for name, values in cells if name
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))
    done.replaced = {name: dict(reasons) for name, reasons in counts.items() if reasons}
    return done


def _portions(records: CsvRecords) -> Iterator[list[list[str]]]:
    """Yield lists of records that fit into memory."""
    rows: list[list[str]] = []
    limit = _CHARACTERS
    for record in records:
        rows.append(record)
        if len(rows) == _ROWS or records.size >= limit:
            yield rows
            rows, limit = [], records.size + _CHARACTERS
    if rows:
        yield rows


def _column(values: tuple[str, ...], counts: dict[str, int]) -> pa.Array:
    texts = [value or None for value in values]
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return pa.array([_repaired(text, counts) for text in texts], pa.string())


def _repaired(text: str | None, counts: dict[str, int]) -> str | None:
    if text is None or text.isascii():
        return text
    whole = whole_characters(text)
    if whole.count("\ufffd") > text.count("\ufffd"):
        counts[HALF] += 1
    elif len(whole) < len(text):
        counts["joined_halves"] += 1
    return whole
