"""Pieces of SQL that all packages share: quoting, relations of files, and single results."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

Cursor = duckdb.DuckDBPyConnection

ROW_GROUP = 122_880
_TOGETHER = 120  # aggregates in one query: the tests of twenty columns


def sql_text(value: str) -> str:
    """Quote a text literal."""
    return "'" + value.replace("'", "''") + "'"


def sql_name(value: str) -> str:
    """Quote a name."""
    return '"' + value.replace('"', '""') + '"'


def parquet_relation(paths: Sequence[Path]) -> str:
    """Return the relation of Parquet files. Columns are matched by name."""
    files = ", ".join(sql_text(str(path)) for path in paths)
    return f"read_parquet([{files}], union_by_name = true)"


def fetch_one(cursor: Cursor, query: str) -> tuple[Any, ...]:
    """Fetch the only row of a query. All rows are fetched, since an open result blocks the cursor."""
    (row,) = cursor.execute(query).fetchall()
    return tuple(row)


def fetch_values(cursor: Cursor, aggregates: Sequence[str], relation: str) -> list[Any]:
    """Return the values of aggregates over a relation, in their order.

    They are asked for in groups: the plan of a query with an aggregate for each of hundreds of columns takes gigabytes,
    which the engine's limit does not count.
    """
    found: list[Any] = []
    for first in range(0, len(aggregates), _TOGETHER):
        asked = ", ".join(aggregates[first : first + _TOGETHER])
        found += fetch_one(cursor, f"SELECT {asked} FROM {relation}")  # noqa: S608  both are SQL of this package
    return found


@contextmanager
def registered(cursor: Cursor, name: str, rows: pa.Table) -> Iterator[None]:
    """Give the engine a table as a relation while the block runs."""
    cursor.register(name, rows)
    try:
        yield
    finally:
        cursor.unregister(name)


@contextmanager
def asked_rows(
    cursor: Cursor, columns: Sequence[str], rows: Collection[Sequence[str]]
) -> Iterator[None]:
    """Give the engine rows of texts as the relation ``asked`` while the block runs."""
    values = {
        column: pa.array([row[place] for row in rows], pa.string())
        for place, column in enumerate(columns)
    }
    with registered(cursor, "asked", pa.table(values)):
        yield


@contextmanager
def rows_in_order(cursor: Cursor) -> Iterator[None]:
    """Keep the order of the rows of a file in the queries and copies of the block. It costs a tenth of the processor time."""
    cursor.execute("SET SESSION preserve_insertion_order = true")
    try:
        yield
    finally:
        cursor.execute("RESET SESSION preserve_insertion_order")


def copy_to(
    query: str, out: Path, *, narrow: bool, metadata: Mapping[str, str] | None = None
) -> str:
    """Return the statement that writes a query's rows as Parquet. ``narrow`` data (ids) gets the faster codec.

    ``metadata`` is written into the file (``formats.format_metadata``).
    """
    options = ["FORMAT parquet", f"ROW_GROUP_SIZE {ROW_GROUP}"]
    options += ["COMPRESSION lz4"] if narrow else ["COMPRESSION zstd", "COMPRESSION_LEVEL 1"]
    if metadata:
        values = ", ".join(f"{sql_name(name)}: {sql_text(text)}" for name, text in metadata.items())
        options.append(f"KV_METADATA {{{values}}}")
    return f"COPY ({query}) TO {sql_text(str(out))} ({', '.join(options)})"


def column_types(cursor: Cursor, query: str) -> dict[str, Any]:
    """Describe a query without running it. Returns ``{column: engine type}``."""
    relation = cursor.sql(query)
    return dict(zip(relation.columns, relation.types, strict=True))
