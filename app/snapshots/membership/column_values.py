"""SQL expressions of member ids and identifiers in an upload."""

from __future__ import annotations

from app.core.errors import Invalid
from app.snapshots.engine import sql_name, sql_text
from app.snapshots.reading import Source


def key_sql(source: Source, column: str) -> str:
    """Return the expression of an id: text, or NULL if it is missing or not text (``input_faults`` reports that later).

    Raises Invalid if a Parquet column is not text.
    """
    quoted = sql_name(column)
    match source.upload.format:
        case "csv":
            return quoted
        case "ndjson":
            return (
                f"CASE WHEN json_type({quoted}) = 'VARCHAR' THEN nullif({quoted} ->> '$', '') END"
            )
        case "parquet":
            kind = source.columns[column]
            if kind.id != "varchar":
                raise Invalid(
                    f"The column {column} has the type {kind}; it must be text.",
                    data={"column": column},
                )
            return f"nullif({quoted}, '')"


def identifier_sql(source: Source, column: str) -> str:
    """Return the expression of an identifier's values: a list, oldest first, or NULL if there are none."""
    quoted = sql_name(column)
    match source.upload.format:
        case "csv":
            values = f"""CASE WHEN {quoted} LIKE '[%' AND json_valid({quoted})
                THEN from_json({quoted}, '["VARCHAR"]') ELSE [{quoted}] END"""
        case "ndjson":
            values = f"""CASE json_type({quoted}) WHEN 'VARCHAR' THEN [{quoted} ->> '$']
                WHEN 'ARRAY' THEN from_json({quoted}, '["VARCHAR"]') WHEN 'NULL' THEN NULL
                ELSE CASE WHEN {quoted} IS NOT NULL THEN error({sql_text(_marked(column))}) END END"""
        case _:
            values = _parquet_identifier(source, column)
    kept = f"list_filter({values}, lambda v: v IS NOT NULL AND v <> '')"
    return f"CASE WHEN len({kept}) > 0 THEN {kept} END"


def _marked(column: str) -> str:
    return f"identifier is not text: {column}"


def _parquet_identifier(source: Source, column: str) -> str:
    kind = source.columns[column]
    if kind.id == "varchar":
        return f"[{sql_name(column)}]"
    if kind.id == "list" and dict(kind.children)["child"].id == "varchar":
        return sql_name(column)
    raise Invalid(
        f"The column {column} has the type {kind}; it must be text or a list of texts.",
        data={"column": column},
    )
