"""Values of unmapped deliveries as Arrow columns, without an object for each delivery.

The same values as ``rows.values_of`` gives one by one. A value that may differ (a list, a number in a column of texts, a
time in another form) makes the caller read its chunk one by one, so this module never decides what a value becomes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from app.connectors.base import JsonTexts
from app.connectors.destinations.file_export.rows import Column

_AS_WRITTEN = (
    pa.types.is_string,
    pa.types.is_boolean,
    pa.types.is_int64,
    pa.types.is_float64,
)  # that the reader of JSON knows
_FROM_TEXT = (pa.types.is_date32, pa.types.is_timestamp)


def arrow_values(columns: Sequence[Column], texts: JsonTexts) -> list[Any] | None:
    """Return an array of each column's type for each column; None if the deliveries have to be read one by one."""
    try:
        kinds = dict(_kinds(columns))
        identifiers = _parsed(
            texts.identifiers,
            {one.identifier: pa.string() for one in columns if one.identifier is not None},
        )
        traits = _parsed(texts.traits, kinds)
        return [
            column.take(texts) if column.take else _value(column, identifiers, traits)
            for column in columns
        ]
    except (pa.ArrowException, _OneByOne):
        return None


class _OneByOne(Exception):
    """A column that cannot be read as a whole."""


def _kinds(columns: Sequence[Column]) -> Iterator[tuple[str, pa.DataType]]:
    """Yield the traits that are read, with the type that their JSON is read as. Raises _OneByOne if one cannot be read so."""
    for column in columns:
        name = column.trait if column.trait is not None else column.identifier
        if name is None:
            if column.take is None:
                raise _OneByOne
            continue
        if any(is_kind(column.type) for is_kind in _AS_WRITTEN):
            kind = column.type
        elif any(is_kind(column.type) for is_kind in _FROM_TEXT):
            kind = pa.string()
        else:
            raise _OneByOne
        yield name, kind


def _parsed(texts: Any, kinds: dict[str, pa.DataType]) -> dict[str, Any]:
    """Parse JSON objects (null: empty). Returns the values of some members, null where an object does not have it."""
    if not kinds:
        return {}
    lines: Any = pc.binary_join_element_wise(pc.fill_null(texts, "{}"), "", "\n")
    schema = pa.schema([pa.field(name, kind) for name, kind in kinds.items()])
    table = pj.read_json(
        pa.BufferReader(_bytes(lines)),
        read_options=pj.ReadOptions(use_threads=False, block_size=max(1, lines.nbytes)),
        parse_options=pj.ParseOptions(schema, unexpected_field_behavior="ignore"),
    )
    if table.num_rows != len(texts):
        raise _OneByOne
    return {name: table[name].combine_chunks() for name in kinds}


def _bytes(lines: Any) -> Any:
    """Return the bytes of all texts, which lie one after another in an array."""
    _, offsets, content = lines.buffers()
    width = 8 if pa.types.is_large_string(lines.type) else 4
    ends = memoryview(offsets).cast("q" if width == 8 else "i")
    first, last = ends[lines.offset], ends[lines.offset + len(lines)]
    return content.slice(first, last - first)


def _value(column: Column, identifiers: dict[str, Any], traits: dict[str, Any]) -> Any:
    if column.identifier is not None:
        return pc.coalesce(identifiers[column.identifier], traits[column.identifier])
    assert column.trait is not None  # noqa: S101  checked by ``_kinds``
    return traits[column.trait].cast(column.type)
