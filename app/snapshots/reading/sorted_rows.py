"""Rows of a file in an order that depends on their values only."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from pathlib import Path

from app.snapshots.engine import Cursor, copy_to, parquet_relation


def sort_rows(cursor: Cursor, path: Path) -> None:
    """Replace a local Parquet file by one with the same rows, sorted by all columns."""
    out = path.with_name(f"{path.name}.sorted")
    try:
        query = f"SELECT * FROM {parquet_relation([path])} ORDER BY ALL"
        cursor.execute(copy_to(query, out, narrow=False))
        out.replace(path)
    finally:
        out.unlink(missing_ok=True)
