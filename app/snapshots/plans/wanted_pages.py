"""The whole wanted membership, page by page, for work that takes the place of a list (snapshot files)."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence

from app.domain.changes import ChangeKind
from app.snapshots.engine import (
    Cursor,
    LocalManifest,
    PlannedChange,
    PlanSpec,
    key_position,
    sql_text,
)
from app.snapshots.plans.plan_file import planned_changes
from app.snapshots.plans.wanted import Wanted, wanted_sources

__all__ = ["key_position", "read_wanted"]


def read_wanted(
    cursor: Cursor,
    spec: PlanSpec,
    wanted: Sequence[LocalManifest],
    after: str | None,
    limit: int,
) -> list[PlannedChange]:
    """Up to ``limit`` wanted keys after a position, as rows of a plan that enters them (row: place on the page).

    The next page begins after ``key_position(rows[-1])``, which is the key itself where keys are member ids without
    places. Such pages read only their part of the file; others work all keys out anew, so ask for large ones.
    """
    sources = wanted_sources(cursor, spec, wanted)
    later = f"k > {sql_text(after)}" if after is not None else "true"
    chosen = f"""CREATE OR REPLACE TEMP TABLE chosen_keys AS SELECT source, member_id, k FROM ({_keys(sources)}) AS keys
        WHERE reason IS NULL AND {later} {_first_of_each(sources)} ORDER BY k LIMIT {limit:d}"""
    if not sources:
        return []
    try:
        cursor.execute(chosen)
        only = "true"
        if len(sources) == 1 and sources[0].plain:
            only = """member_id BETWEEN (SELECT min(member_id) FROM chosen_keys)
                AND (SELECT max(member_id) FROM chosen_keys)"""
        wide = " UNION ALL ".join(source.wide("chosen_keys", only) for source in sources)
        table = cursor.sql(_page(wide)).to_arrow_table()
        return planned_changes(table)
    finally:
        cursor.execute("DROP TABLE IF EXISTS chosen_keys")


def _keys(sources: Sequence[Wanted]) -> str:
    return " UNION ALL ".join(source.narrow for source in sources)


def _first_of_each(sources: Sequence[Wanted]) -> str:
    if len(sources) == 1 and sources[0].spec.key == "member":
        return ""
    return "QUALIFY row_number() OVER (PARTITION BY k ORDER BY source, member_id) = 1"


def _page(wide: str) -> str:
    return f"""SELECT row_number() OVER (ORDER BY c.k) - 1 AS row, '{ChangeKind.ENTERED}' AS kind, c.k AS k, w.key_type AS key_type,
            w.place AS place, w.member_id AS member_id, w.profile_id AS profile_id, w.identity AS identity,
            w.traits AS traits, w.entities AS entities, CAST(NULL AS VARCHAR) AS partner_id
        FROM chosen_keys AS c JOIN ({wide}) AS w ON c.k = w.k AND c.source = w.source AND c.member_id = w.member_id
        ORDER BY c.k"""
