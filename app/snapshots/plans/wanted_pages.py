"""Pages of the whole wanted membership, for calls that replace a list (snapshot files)."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence

from app.domain.changes import ChangeKind
from app.snapshots.engine import (
    Cursor,
    LocalManifest,
    PlannedChange,
    PlanSpec,
    sql_text,
)
from app.snapshots.plans.plan_rows import planned_changes
from app.snapshots.plans.wanted import Wanted, wanted_sources


def read_wanted(
    cursor: Cursor,
    spec: PlanSpec,
    wanted: Sequence[LocalManifest],
    after: str | None,
    limit: int,
) -> list[PlannedChange]:
    """Read up to ``limit`` wanted keys after a position, as entries of a plan (``row`` is the position on the page).

    The next page begins after ``key_position(rows[-1])``. If keys are member ids without places, a page reads only its
    part of the file. Otherwise each page computes all keys again, so use large pages.
    """
    sources = wanted_sources(cursor, spec, wanted)
    if not sources:
        return []
    try:
        _choose(cursor, sources, after, limit)
        only = "true"
        if len(sources) == 1 and sources[0].plain:
            only = """member_id BETWEEN (SELECT min(member_id) FROM chosen_keys)
                AND (SELECT max(member_id) FROM chosen_keys)"""
        wide = " UNION ALL ".join(source.wide("chosen_keys", only) for source in sources)
        return planned_changes(cursor.sql(_page(wide)).to_arrow_table())
    finally:
        cursor.execute("DROP TABLE IF EXISTS chosen_keys")


def _choose(cursor: Cursor, sources: Sequence[Wanted], after: str | None, limit: int) -> None:
    """Create the table ``chosen_keys`` with the keys of the page."""
    keys = " UNION ALL ".join(source.narrow for source in sources)
    later = f"k > {sql_text(after)}" if after is not None else "true"
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE chosen_keys AS SELECT source, member_id, k FROM ({keys}) AS keys
        WHERE reason IS NULL AND {later} {_first_of_each(sources)} ORDER BY k LIMIT {limit:d}"""
    )


def _first_of_each(sources: Sequence[Wanted]) -> str:
    if len(sources) == 1 and sources[0].spec.key == "member":
        return ""
    return "QUALIFY row_number() OVER (PARTITION BY k ORDER BY source, member_id) = 1"


def _page(wide: str) -> str:
    return f"""SELECT row_number() OVER (ORDER BY c.k) - 1 AS row, '{ChangeKind.ENTERED}' AS kind, c.k AS k, w.key_type AS key_type,
            w.place AS place, w.member_id AS member_id, w.profile_id AS profile_id, w.identity AS identity,
            w.traits AS traits, w.entities AS entities, CAST(NULL AS VARCHAR) AS partner_id,
            CAST(NULL AS VARCHAR) AS old_held, CAST(NULL AS BIGINT) AS old_sync, w.filled AS filled,
            CAST(NULL AS VARCHAR) AS old_filled
        FROM chosen_keys AS c JOIN ({wide}) AS w ON c.k = w.k AND c.source = w.source AND c.member_id = w.member_id
        ORDER BY c.k"""
