"""The shape of a result that the service takes: how many columns, how deeply nested, how long its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.domain.data_shape import MAX_COLUMNS, MAX_DEPTH, is_too_deep, name_fault

MAX_VALUE = 1024**2  # bytes of one value
BATCH = 16 * 1024**2  # bytes of one batch that is sent


class ShapeRefused(ValueError):
    """A result has a shape that is not taken. The message names the column."""


def refuse_shape(schema: pa.Schema) -> None:
    """Raise ShapeRefused for too many columns, or for one with an unfit name or a type that is nested too deeply."""
    if len(schema) > MAX_COLUMNS:
        raise ShapeRefused(f"The query gives {len(schema):,} columns; the most is {MAX_COLUMNS:,}.")
    for field in schema:
        if fault := name_fault(field.name):
            raise ShapeRefused(fault)
        if is_too_deep(field.type, _inner):
            raise ShapeRefused(f"Column {field.name} is nested deeper than {MAX_DEPTH} levels.")


def _inner(kind: pa.DataType) -> list[pa.DataType]:
    """Return the types within a list, an object or a map."""
    if not pa.types.is_nested(kind):
        return []
    return [kind.field(index).type for index in range(kind.num_fields)]


def cut_batch(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch into batches of at most 16 MiB. Raises ShapeRefused for a row that is larger, or a value over 1 MiB."""
    _refuse_long(batch)
    if batch.nbytes <= BATCH:
        yield batch
    elif batch.num_rows == 1:
        raise ShapeRefused(f"A row is larger than {BATCH / 1024**2:g} MiB.")
    else:
        half = batch.num_rows // 2
        yield from cut_batch(batch.slice(0, half))
        yield from cut_batch(batch.slice(half))


def _refuse_long(batch: pa.RecordBatch) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if _longest(column) > MAX_VALUE:
            raise ShapeRefused(
                f"Column {name} has a value of more than {MAX_VALUE / 1024**2:g} MiB."
            )


def _longest(column: Any) -> int:
    """Return the bytes of the longest value of a column of texts; of other columns, 0 or the bytes of the column if it has one row."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        return int(pc.max(pc.binary_length(column)).as_py() or 0)
    if not pa.types.is_nested(kind) or column.nbytes <= MAX_VALUE:
        return 0
    if len(column) == 1:
        return int(column.nbytes)
    half = len(column) // 2
    return max(_longest(column.slice(0, half)), _longest(column.slice(half)))
