"""Rows in PostgreSQL's CSV as columns of Arrow: parsed and converted by native code, without an object for each value.

Text keeps all that a value is: exact numbers with their scale, floating-point numbers in the shortest form that gives the same
number. So what is not listed in ``columns`` needs no format of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, json

from app.sources.postgres.columns import JSON, NUMERIC, Column
from app.sources.postgres.failures import QueryRejected

_DIGITS = 38
_MARK = "\ufeff".encode()
_PARSE = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
_LISTS = json.ParseOptions(explicit_schema=pa.schema([("v", pa.list_(pa.utf8()))]))
_LAST = {"date": "9999-12-31", "moment": "9999-12-31 23:59:59.999999"}
_FIRST = {"date": "0001-01-01", "moment": "0001-01-01 00:00:00"}


def read_batch(columns: Sequence[Column], text: bytes | bytearray) -> Any:
    """Return complete rows of CSV as a record batch. An exact number has the smallest scale that fits all of its column.

    Raises QueryRejected, with the column, if a value does not fit its type; UnicodeError, ValueError or OverflowError for text,
    a date or a moment that cannot be stored; ArrowInvalid if the text is no rows of these columns.
    """
    if text.startswith(_MARK):  # the parser takes the first one for a byte order mark
        text = _MARK + text
    names = [str(number) for number in range(len(columns))]  # those of the columns can be any text
    table = csv.read_csv(
        pa.BufferReader(text),
        read_options=csv.ReadOptions(
            use_threads=False, block_size=len(text) + 1, column_names=names
        ),
        parse_options=_PARSE,
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    arrays = [
        _converted(column, _texts(_one(cells)))
        for column, cells in zip(columns, table.columns, strict=True)
    ]
    return pa.record_batch(arrays, names=[column.name for column in columns])


def _one(cells: Any) -> Any:
    """Return a column's values in one piece."""
    return cells.chunk(0) if cells.num_chunks == 1 else pa.concat_arrays(cells.chunks)


def _texts(cells: Any) -> Any:
    try:
        return cells.cast(pa.utf8())
    except pa.ArrowInvalid:
        raise UnicodeError from None


def _converted(column: Column, texts: Any) -> Any:
    try:
        return _values(column.type, texts)
    except MemoryError:  # of Arrow, whose class is an error of Arrow as well
        raise
    except (pa.ArrowException, InvalidOperation):
        fault = (
            "a number that no exact column can hold (more than 38 digits, NaN or infinity); round it, or cast it to "
            "double precision"
            if column.type == NUMERIC
            else f"a value that does not fit {column.engine_type}; cast it to text"
        )
        raise QueryRejected(f"The column {column.name} has {fault}.") from None


def _values(kind: Any, texts: Any) -> Any:
    if kind == NUMERIC:
        return _numbers(texts)
    if kind == JSON:
        return pa.ExtensionArray.from_storage(JSON, texts)
    if pa.types.is_list(kind):
        return _lists(kind, texts)
    if pa.types.is_boolean(kind):
        return pc.equal(texts, "t")
    return _times(kind, texts) if pa.types.is_temporal(kind) else texts.cast(kind)


def _times(kind: Any, texts: Any) -> Any:
    """Return dates or moments; infinity is the last one, and -infinity the first one."""
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        name = "date" if pa.types.is_date(kind) else "moment"
        for word, ends in (("infinity", _LAST), ("-infinity", _FIRST)):
            texts = pc.if_else(pc.equal(texts, word), ends[name], texts)
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        raise (ValueError if pa.types.is_date(kind) else OverflowError) from None


def _numbers(texts: Any) -> Any:
    """Return exact numbers in the smallest scale that fits all of them. Raises ArrowInvalid or InvalidOperation."""
    sample = next((text for text in texts[:100].to_pylist() if text is not None), "")
    scale = len(sample.partition(".")[2])
    if (pc.max(pc.binary_length(texts)).as_py() or 0) + scale <= _DIGITS:
        with contextlib.suppress(pa.ArrowInvalid):  # another one has a larger scale
            return texts.cast(pa.decimal128(_DIGITS, scale))
    dots, lengths = pc.find_substring(texts, "."), pc.binary_length(texts)
    signs = pc.starts_with(texts, "-").cast(pa.int32())
    whole = pc.subtract(pc.if_else(pc.less(dots, 0), lengths, dots), signs)
    after = pc.if_else(pc.less(dots, 0), 0, pc.subtract(pc.subtract(lengths, dots), 1))
    scale = pc.max(after).as_py() or 0
    if (pc.max(whole).as_py() or 0) + scale <= _DIGITS:
        return texts.cast(pa.decimal128(_DIGITS, scale))
    return _long_numbers(texts.to_pylist())


def _long_numbers(texts: Sequence[str | None]) -> Any:
    """Return numbers whose digits are many, if an exact column can hold them: Arrow's cast of longer texts is not exact."""
    array = pa.array([None if text is None else Decimal(text) for text in texts])
    if not pa.types.is_decimal128(array.type):
        raise pa.ArrowInvalid
    return array.cast(pa.decimal128(_DIGITS, max(array.type.scale, 0)))


def _lists(kind: Any, texts: Any) -> Any:
    """Return lists from JSON lists of texts, such as ``["1",null]``."""
    lines = pc.binary_join_element_wise('{"v":', pc.fill_null(texts, "null"), "}", "")
    joined = pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), "\n")[0].as_buffer()
    options = json.ReadOptions(use_threads=False, block_size=joined.size + 1)
    table = json.read_json(pa.BufferReader(joined), read_options=options, parse_options=_LISTS)
    lists = _one(table["v"])
    flat = lists.flatten()
    values = _times(kind.value_type, flat) if pa.types.is_temporal(kind.value_type) else flat
    return pa.ListArray.from_arrays(
        _offsets(lists), values.cast(kind.value_type), type=kind, mask=lists.is_null()
    )


def _offsets(lists: Any) -> Any:
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    return pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
