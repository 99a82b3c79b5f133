"""SQL expressions of member ids and identifiers in an upload."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from app.core.errors import Invalid
from app.domain.column_names import spellings
from app.domain.normalise import normalise_sql
from app.snapshots.engine import Cursor, fetch_values, sql_name, sql_text
from app.snapshots.membership.membership import IDENTIFIERS
from app.snapshots.reading import Source, parquet_text

_NO_NUMBERS = {"email", "phone"}  # a number is none of them
_WHOLE = "'BIGINT', 'UBIGINT'"  # JSON numbers without fraction, up to 64 bits


def key_sql(source: Source, column: str) -> str:
    """Return the expression of an id: text, or NULL if it is missing or not text (``input_faults`` reports that later).

    Raises Invalid if a Parquet column is not text.
    """
    text = _key_text(source, column)
    if column in source.broken:  # half a character: two ids may have become one
        text = f"CASE WHEN NOT contains({text}, '\ufffd') THEN {text} END"
    return normalise_sql(text, "text", words=source.upload.absent_words)


def _key_text(source: Source, column: str) -> str:
    quoted = sql_name(column)
    match source.upload.format:
        case "csv":
            return quoted
        case "ndjson":
            return f"(CASE WHEN json_type({quoted}) IN ('VARCHAR', {_WHOLE}) THEN {quoted} ->> '$' END)"
        case "parquet":
            kind = source.columns[column]
            text = parquet_text(column, kind, numbers=True)
            if text is None:
                raise Invalid(
                    f"The column {column} has the type {kind}; it must be text or an integer.",
                    data={"column": column},
                )
            return text


def with_empty_columns(cursor: Cursor, source: Source) -> Source:
    """Give identifiers of a Parquet file that have no values the type NULL: some programs write them as integers."""
    asked = [
        column
        for column, kind in source.columns.items()
        if source.upload.format == "parquet"
        and any(spellings(name, [column]) for name in IDENTIFIERS)
        and kind.id not in {"varchar", "null", "list"}
    ]
    if not asked:
        return source
    row = fetch_values(cursor, [f"count({sql_name(column)})" for column in asked], source.sql)
    empty = [column for column, count in zip(asked, row, strict=True) if count == 0]
    kinds = {**source.columns, **dict.fromkeys(empty, duckdb.sqltype("NULL"))}
    return replace(source, columns=kinds)


def holds_texts(source: Source, column: str) -> bool:
    """Report whether a column can hold texts or lists of texts."""
    kind = source.columns[column]
    if source.upload.format != "parquet" or kind.id in {"varchar", "null", "blob"}:
        return True
    return kind.id == "list" and dict(kind.children)["child"].id in {"varchar", "null"}


def identifier_sql(source: Source, name: str, column: str) -> str:
    """Return the expression of an identifier's values: a list, oldest first, or NULL if there are none.

    ``column`` holds them. If it is not named exactly ``name``, values that are not texts have no identifier: the column
    may be a trait of another meaning. Values with half a character are left out.
    """
    values = _identifier_values(source, name, column)
    if column in source.broken:
        return _without_empty(f"list_filter({values}, lambda v: NOT contains(v, '\ufffd'))")
    return values


def _identifier_values(source: Source, name: str, column: str) -> str:
    quoted = sql_name(column)
    match source.upload.format:
        case "csv":
            several = f"""from_json({quoted}, '["VARCHAR"]')"""
            return f"""CASE WHEN {quoted} LIKE '[%' AND json_valid({quoted}) THEN {_without_empty(several)}
                WHEN {quoted} <> '' THEN [{quoted}] END"""
        case "ndjson":
            fault = f"CASE WHEN {quoted} IS NOT NULL THEN error({sql_text(_marked(column))}) END"
            values = f"""CASE WHEN json_type({quoted}) IN ({_json_texts(name, column)}) THEN [{quoted} ->> '$']
                WHEN json_type({quoted}) = 'ARRAY' THEN {_texts_of_list(quoted)}
                WHEN json_type({quoted}) = 'NULL' THEN NULL
                ELSE {fault if column == name else "NULL"} END"""
        case _:
            values = _parquet_identifier(source, name, column)
    return _without_empty(values)


def _json_texts(name: str, column: str) -> str:
    """Return the JSON types of a single value that is an identifier, for a list in SQL."""
    return "'VARCHAR'" if name in _NO_NUMBERS or column != name else f"'VARCHAR', {_WHOLE}"


def _texts_of_list(quoted: str) -> str:
    """Return the texts and integers of a JSON list. The others, such as ``true`` and ``{"a": 1}``, are left out."""
    return (
        f"list_transform(list_filter(from_json({quoted}, '[\"JSON\"]'), "
        f"lambda v: json_type(v) IN ('VARCHAR', {_WHOLE})), lambda v: v ->> '$')"
    )


def not_texts_sql(name: str, column: str) -> str:
    """Return the expression of how many values of an NDJSON column are left out because they are no texts.

    A single value in a column with exactly the identifier's name is not counted: it is refused.
    """
    quoted = sql_name(column)
    one = "0" if column == name else "1"
    return f"""coalesce(sum(CASE WHEN json_type({quoted}) IN ({_json_texts(name, column)}, 'NULL') THEN 0
        WHEN json_type({quoted}) = 'ARRAY' THEN len(list_filter(from_json({quoted}, '["JSON"]'),
            lambda v: json_type(v) NOT IN ('VARCHAR', {_WHOLE}, 'NULL'))) WHEN {quoted} IS NULL THEN 0 ELSE {one} END), 0)"""


def _without_empty(values: str) -> str:
    """Return the expression of a list without empty texts, NULL if nothing is left."""
    kept = f"list_filter({values}, lambda v: v IS NOT NULL AND v <> '')"
    return f"CASE WHEN len({kept}) > 0 THEN {kept} END"


def _marked(column: str) -> str:
    return f"identifier is not text: {column}"


def _parquet_identifier(source: Source, name: str, column: str) -> str:
    kind = source.columns[column]
    text = parquet_text(column, kind, numbers=name not in _NO_NUMBERS)
    if text is not None:
        return f"[{text}]"
    if holds_texts(source, column):
        return f"CAST({sql_name(column)} AS VARCHAR[])"
    raise Invalid(
        f"The column {column} has the type {kind}; it must be text or a list of texts.",
        data={"column": column},
    )
