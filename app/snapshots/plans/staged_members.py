"""Members of a large plan, divided by the key ranges of their keys.

The files of a membership are sorted by member. If keys are identifiers, the members of a key range are spread over all
files, so that each range would read all of them. If many keys change, the members are sorted once by the range of their keys.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from app.snapshots.engine import Cursor, range_number
from app.snapshots.plans.sides import Sides
from app.snapshots.plans.wanted import Wanted

_PART = "_part"  # number of the key range


@contextmanager
def staged_members(cursor: Cursor, sides: Sides) -> Iterator[Callable[[int, int], Sides]]:
    """Sort the members of all sources by the ranges of their keys, into tables that exist during the block.

    Yields a function of the numbers of two ranges. It returns both sides with the members of these ranges, and of all
    ranges between them.
    """
    try:
        for source in sides.sources:
            cursor.execute(
                f"""CREATE OR REPLACE TEMP TABLE {_table(source)} AS
                SELECT * EXCLUDE (k), {range_number(sides.ranges, "k")} AS {_PART} FROM ({source.keyed}) AS keyed
                ORDER BY {_PART}"""
            )
        yield partial(_within, sides)
    finally:
        for source in sides.sources:
            cursor.execute(f"DROP TABLE IF EXISTS {_table(source)}")


def _within(sides: Sides, first: int, last: int) -> Sides:
    return replace(sides, sources=[_part_of(source, first, last) for source in sides.sources])


def _part_of(source: Wanted, first: int, last: int) -> Wanted:
    # A member with several keys has a row for each of them.
    once = "QUALIFY row_number() OVER (PARTITION BY member_id) = 1" if source.has_several else ""
    sql = f"""(SELECT * EXCLUDE ({_PART}) FROM {_table(source)}
        WHERE {_PART} BETWEEN {first} AND {last} {once})"""
    return replace(source, whole=replace(source.whole, sql=sql))


def _table(source: Wanted) -> str:
    return f"staged_members_{source.number:d}"
