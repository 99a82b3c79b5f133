"""Counts of a dataset's columns as keys of rows: rows without a value that can be used, and values that occur more than once."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from app.domain.row_keys import KeyCounts, has_value_sql, is_usable_sql, row_key_sql
from app.domain.text_forms import BLANKS
from app.snapshots.engine import Cursor, fetch_one, sql_name, sql_text


def count_keys(
    cursor: Cursor, path: Path, columns: Mapping[str, bool], words: Collection[str]
) -> dict[str, KeyCounts]:
    """Count each of the ``columns`` of a dataset's file, given with whether it holds e-mail addresses: ``{column: counts}``.

    ``words`` are a space's own words for "no value". Blanks at the ends of values do not count.
    """
    source = f"read_parquet({sql_text(str(path))})"
    return {
        name: _count(cursor, source, row_key_sql(sql_name(name), is_address=is_address), words)
        for name, is_address in columns.items()
    }


def _count(cursor: Cursor, source: str, key: str, words: Collection[str]) -> KeyCounts:
    value = f"CASE WHEN {has_value_sql(key, words)} THEN trim({key}, {sql_text(BLANKS)}) END"
    groups = f"SELECT {value} AS v, count(*) AS n FROM {source} GROUP BY v"
    rows, missing, repeated, unusable = fetch_one(
        cursor,
        f"""SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE v IS NULL), 0),
        count(*) FILTER (WHERE n > 1 AND {is_usable_sql("v")}), coalesce(sum(n) FILTER (WHERE NOT {is_usable_sql("v")}), 0)
        FROM ({groups})""",
    )
    return KeyCounts(int(rows), int(missing), int(repeated), int(unusable))
