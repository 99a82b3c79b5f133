"""Reach: the number of members that a destination can receive, counted without a plan."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.left_out import LeftOut
from app.snapshots.engine import Cursor, LocalManifest, PlanSpec, fetch_one
from app.snapshots.plans.wanted import Wanted, left_out_keys, wanted_sources


@dataclass(frozen=True, slots=True)
class Reach:
    """Members of a union of audiences, how many of them have their own key, and why others do not.

    ``left_out`` has counts by reason: no_identifier, no_consent, control; shared_key if another member has the key.
    """

    size: int
    reachable: int
    left_out: Mapping[str, int]


def count_reach(cursor: Cursor, spec: PlanSpec, members: Sequence[LocalManifest]) -> Reach:
    """Count the members of a union that are wanted under a specification. A member of several sources counts once."""
    sources = wanted_sources(cursor, spec, members)
    size = _size(cursor, sources)
    if all(source.plain for source in sources):
        return Reach(size, size, {})
    keys = " UNION ALL ".join(
        f"SELECT source, member_id, k, reason FROM ({source.narrow}) AS narrow"
        for source in sources
    )
    if len(sources) == 1 and all(field.strategy != "all" for field in spec.fields):
        return _by_keys(cursor, keys, size)
    return _by_members(cursor, sources, keys, size)


def _size(cursor: Cursor, sources: Sequence[Wanted]) -> int:
    if len(sources) == 1:
        return int(fetch_one(cursor, f"SELECT count(*) FROM {sources[0].whole.sql}")[0])
    ids = " UNION ALL ".join(f"SELECT member_id FROM {source.whole.sql}" for source in sources)
    return int(fetch_one(cursor, f"SELECT count(DISTINCT member_id) FROM ({ids}) AS ids")[0])


def _by_keys(cursor: Cursor, keys: str, size: int) -> Reach:
    """Count rows and keys: each member has exactly one row."""
    counts = cursor.execute(
        f"SELECT reason, count(*), count(DISTINCT k) FROM ({keys}) AS keys GROUP BY reason"
    ).fetchall()
    left_out = {reason: rows for reason, rows, _ in counts if reason is not None}
    with_key, reachable = next(
        ((rows, distinct) for reason, rows, distinct in counts if reason is None), (0, 0)
    )
    return _reach(size, with_key, reachable, left_out)


def _by_members(cursor: Cursor, sources: Sequence[Wanted], keys: str, size: int) -> Reach:
    """Count members. A key belongs to its first source, there to the lowest member id; others share it."""
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE reach_keys AS {keys}")
    try:
        left_out = dict(
            cursor.execute(
                f"""SELECT reason, count(DISTINCT member_id)
                FROM {left_out_keys("reach_keys", sources)} AS missed GROUP BY reason"""
            ).fetchall()
        )
        with_key, reachable = fetch_one(
            cursor,
            """SELECT (SELECT count(DISTINCT member_id) FROM reach_keys WHERE reason IS NULL),
                count(DISTINCT member)
            FROM (SELECT arg_min(member_id, (source, member_id)) AS member FROM reach_keys
                WHERE reason IS NULL GROUP BY k)""",
        )
    finally:
        cursor.execute("DROP TABLE IF EXISTS reach_keys")
    return _reach(size, with_key, reachable, left_out)


def _reach(size: int, with_key: int, reachable: int, left_out: Mapping[str, int]) -> Reach:
    shared = with_key - reachable
    return Reach(
        size, reachable, {**left_out, **({LeftOut.SHARED_KEY.value: shared} if shared else {})}
    )
