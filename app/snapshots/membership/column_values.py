"""SQL expressions of member ids and identifiers in an upload."""

from __future__ import annotations

from app.core.errors import Invalid
from app.domain.normalise import normalise_sql
from app.snapshots.engine import sql_name, sql_text
from app.snapshots.reading import Source


def key_sql(source: Source, column: str) -> str:
    """Return the expression of an id: text, or NULL if it is missing or not text (``input_faults`` reports that later).

    Raises Invalid if a Parquet column is not text.
    """
    return normalise_sql(_key_text(source, column), "text", words=source.upload.absent_words)


def _key_text(source: Source, column: str) -> str:
    quoted = sql_name(column)
    match source.upload.format:
        case "csv":
            return quoted
        case "ndjson":
            return f"(CASE WHEN json_type({quoted}) = 'VARCHAR' THEN {quoted} ->> '$' END)"
        case "parquet":
            kind = source.columns[column]
            if kind.id != "varchar":
                raise Invalid(
                    f"The column {column} has the type {kind}; it must be text.",
                    data={"column": column},
                )
            return quoted


def holds_texts(source: Source, column: str) -> bool:
    """Report whether a column can hold texts or lists of texts."""
    kind = source.columns[column]
    if source.upload.format != "parquet" or kind.id == "varchar":
        return True
    return kind.id == "list" and bool(dict(kind.children)["child"].id == "varchar")


def identifier_sql(source: Source, name: str, column: str) -> str:
    """Return the expression of an identifier's values: a list, oldest first, or NULL if there are none.

    ``column`` holds them. If it is not named exactly ``name``, values that are not texts have no identifier: the column
    may be a trait of another meaning.
    """
    quoted = sql_name(column)
    match source.upload.format:
        case "csv":
            several = f"""from_json({quoted}, '["VARCHAR"]')"""
            return f"""CASE WHEN {quoted} LIKE '[%' AND json_valid({quoted}) THEN {_without_empty(several)}
                WHEN {quoted} <> '' THEN [{quoted}] END"""
        case "ndjson":
            fault = f"CASE WHEN {quoted} IS NOT NULL THEN error({sql_text(_marked(column))}) END"
            values = f"""CASE json_type({quoted}) WHEN 'VARCHAR' THEN [{quoted} ->> '$']
                WHEN 'ARRAY' THEN from_json({quoted}, '["VARCHAR"]') WHEN 'NULL' THEN NULL
                ELSE {fault if column == name else "NULL"} END"""
        case _:
            values = _parquet_identifier(source, column)
    return _without_empty(values)


def _without_empty(values: str) -> str:
    """Return the expression of a list without empty texts, NULL if nothing is left."""
    kept = f"list_filter({values}, lambda v: v IS NOT NULL AND v <> '')"
    return f"CASE WHEN len({kept}) > 0 THEN {kept} END"


def _marked(column: str) -> str:
    return f"identifier is not text: {column}"


def _parquet_identifier(source: Source, column: str) -> str:
    kind = source.columns[column]
    if holds_texts(source, column):
        return f"[{sql_name(column)}]" if kind.id == "varchar" else sql_name(column)
    raise Invalid(
        f"The column {column} has the type {kind}; it must be text or a list of texts.",
        data={"column": column},
    )
