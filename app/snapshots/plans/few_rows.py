"""Copies of the rows of a few keys.

To plan a long query over many files takes the engine longer than to run it. So if few rows matter, short queries copy
them into tables first.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from dataclasses import replace

from app.snapshots.engine import Cursor
from app.snapshots.plans.sides import Sides
from app.snapshots.plans.wanted import Wanted

_HELD = "few_held"


def copy_rows(cursor: Cursor, sides: Sides, members: str, keys: str) -> Sides:
    """Return both sides with copied rows, in tables that exist until :func:`drop_copies`.

    ``members`` is a relation of ``source, member_id``, ``keys`` one of ``k``. ``keys`` and ``narrow`` of the sides stay as they are.
    """
    for source in sides.sources:
        chosen = f"(SELECT member_id FROM {members} AS few WHERE source = {source.number:d})"
        _copy(cursor, _table(source), source.whole.sql, chosen, "member_id")
    _copy(cursor, _HELD, sides.held, keys, "k")
    sources = [
        replace(source, whole=replace(source.whole, sql=_table(source))) for source in sides.sources
    ]
    return replace(sides, sources=sources, held=_HELD)


def drop_copies(cursor: Cursor, sources: int) -> None:
    """Drop the tables of :func:`copy_rows`, of so many sources."""
    for table in (_HELD, *(f"few_members_{number:d}" for number in range(sources))):
        cursor.execute(f"DROP TABLE IF EXISTS {table}")


def _copy(cursor: Cursor, table: str, rows: str, chosen: str, column: str) -> None:
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE {table} AS
        SELECT * FROM {rows} AS every SEMI JOIN (SELECT {column} FROM {chosen} AS few) AS chosen USING ({column})"""
    )


def _table(source: Wanted) -> str:
    return f"few_members_{source.number:d}"
