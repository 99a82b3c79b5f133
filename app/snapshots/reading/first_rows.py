"""The first rows of a dataset, for people who look at what was uploaded."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from app.snapshots.engine import (
    Cursor,
    column_types,
    json_object,
    rows_in_order,
    sql_name,
    sql_text,
)


def rows_at_start(cursor: Cursor, path: Path, limit: int, most_bytes: int) -> list[dict[str, Any]]:
    """Read up to ``limit`` rows of a dataset's file, each ``{column: value}`` without nulls.

    The rows end before their JSON is longer than ``most_bytes``.
    """
    source = f"read_parquet({sql_text(str(path))})"
    kinds = column_types(cursor, f"SELECT * FROM {source}")
    row = json_object({name: (sql_name(name), kind) for name, kind in kinds.items()})
    found, size = [], 0
    query = f"SELECT {row} FROM (SELECT * FROM {source} LIMIT {limit:d})"
    with rows_in_order(cursor):
        texts = cursor.execute(query).fetchall()
    for (text,) in texts:
        size += len(text)
        if size > most_bytes:
            break
        found.append(orjson.loads(text))
    return found
