"""Members that may differ from those of an earlier plan, so that only their keys are compared.

If everything that a plan wanted is at the destination, a plan of the same members would change nothing, because decisions
look at one key at a time. A later plan then only needs the keys of members that were changed since. That takes as long as
the change is large, not as long as the audience is large.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.snapshots.engine import (
    Cursor,
    KeyRange,
    LocalManifest,
    PlanSpec,
    fetch_one,
    stored_relation,
)
from app.snapshots.membership import members_relation
from app.snapshots.plans.decisions import needs_hashes
from app.snapshots.plans.shared_words import with_shared
from app.snapshots.plans.sides import Sides
from app.snapshots.plans.wanted import wanted_source

TABLES = ("touched", "touched_members", "touched_held")
_TOUCHED, _MEMBERS, _HELD = TABLES
_MOST = 300_000  # members; of more, all keys are compared, in ranges


def touched_sides(
    cursor: Cursor,
    spec: PlanSpec,
    sides: Sides,
    wanted: Sequence[LocalManifest],
    agreed: LocalManifest | None,
) -> Sides:
    """Return both sides with the rows of touched members only, or as they are if these cannot be told.

    ``agreed``: members of whom all is at the destination, under the same specification. They can be told if keys are member
    ids, and the files of ``wanted`` are those of ``agreed`` and later changes.
    """
    if agreed is None or not sides.plain or spec.resync or spec.baseline:
        return sides
    if not _find(cursor, spec, sides, wanted[0], agreed):
        return sides
    # To plan a long query over many files takes the engine longer than to run it, so short queries copy the rows first.
    (source,) = sides.sources
    for table, rows, key in ((_MEMBERS, source.whole.sql, "member_id"), (_HELD, sides.held, "k")):
        cursor.execute(
            f"""CREATE OR REPLACE TEMP TABLE {table} AS
            SELECT * FROM {rows} AS every SEMI JOIN (SELECT key AS {key} FROM {_TOUCHED}) AS few USING ({key})"""
        )
    whole = replace(source.whole, sql=_MEMBERS)
    hashed = needs_hashes(spec, refusals=sides.refusals)
    few = wanted_source(spec, source.number, whole, hashed=hashed)
    return replace(sides, sources=[few], keys=f"({few.narrow})", held=_HELD, ranges=[KeyRange()])


def _find(
    cursor: Cursor, spec: PlanSpec, sides: Sides, wanted: LocalManifest, agreed: LocalManifest
) -> bool:
    """Write the ids of the touched members into a table. Returns False if they cannot be told, or are many."""
    known = len(agreed.deltas)
    if wanted.base != agreed.base or wanted.deltas[:known] != agreed.deltas:
        return False
    # A further column, type or mark may change what is sent of a member that is not touched.
    before, after = members_relation(cursor, agreed), sides.sources[0].whole
    if (before.columns, with_shared(cursor, before, spec).marks) != (after.columns, after.marks):
        return False
    later = wanted.deltas[known:]
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {_TOUCHED} (key VARCHAR)")
    if later:
        ids = f"SELECT DISTINCT member_id FROM {stored_relation(later)}"
        cursor.execute(f"INSERT INTO {_TOUCHED} {ids}")
    return bool(fetch_one(cursor, f"SELECT count(*) <= {_MOST} FROM {_TOUCHED}")[0])
