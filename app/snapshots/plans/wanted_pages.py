"""Wanted keys without a comparison: pages of all of them, for calls that replace a list (snapshot files), and those of one member."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.domain.changes import ChangeKind
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    LocalManifest,
    PlanSpec,
    sql_text,
)
from app.snapshots.membership import members_relation
from app.snapshots.plans.decisions import kind_of_new
from app.snapshots.plans.plan_rows import PlanRows, no_rows
from app.snapshots.plans.shared_words import with_shared
from app.snapshots.plans.wanted import Wanted, wanted_source, wanted_sources


def read_wanted(
    cursor: Cursor,
    spec: PlanSpec,
    wanted: Sequence[LocalManifest],
    after: str | None,
    limit: int,
) -> PlanRows:
    """Read up to ``limit`` wanted keys after a position, as entries of a plan (``row`` is the position on the page).

    The next page begins after ``key_position(rows[-1])``. If keys are member ids without places, a page reads only its
    part of the file. Otherwise each page computes all keys again, so use large pages.
    """
    sources = wanted_sources(cursor, spec, wanted)
    if not sources:
        return no_rows()
    try:
        _choose(cursor, sources, after, limit)
        only = "true"
        if len(sources) == 1 and sources[0].plain:
            only = """member_id BETWEEN (SELECT min(member_id) FROM chosen_keys)
                AND (SELECT max(member_id) FROM chosen_keys)"""
        wide = " UNION ALL ".join(source.wide("chosen_keys", only) for source in sources)
        return PlanRows(cursor.sql(_page(wide)).to_arrow_table())
    finally:
        cursor.execute("DROP TABLE IF EXISTS chosen_keys")


def read_member(
    cursor: Cursor, spec: PlanSpec, source: LocalManifest, member_id: str
) -> tuple[PlanRows, dict[str, int]]:
    """Read the wanted keys of one member, as a plan would send them if nothing were held.

    Returns them, and for each reason that leaves the member out, 1. Without rows if such keys are not sent.
    """
    whole = with_shared(cursor, members_relation(cursor, source), spec)
    try:
        # To plan long queries over many files takes longer than to run them, so a short one copies the row first.
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE one_member AS SELECT * FROM {whole.sql} AS every WHERE member_id = $id",
            {"id": member_id},
        )
        one = wanted_source(spec, 0, replace(whole, sql="one_member"))
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE chosen_keys AS SELECT DISTINCT source, member_id, k, reason FROM ({one.narrow}) AS keys"
        )
        reasons = cursor.execute(
            "SELECT DISTINCT reason FROM chosen_keys WHERE reason IS NOT NULL"
        ).fetchall()
        cursor.execute("DELETE FROM chosen_keys WHERE reason IS NOT NULL")
        left_out = {reason: 1 for (reason,) in reasons}
        kind = kind_of_new(spec)
        if kind is None:
            return no_rows(), left_out
        page = _page(one.wide("chosen_keys"), kind)
        return PlanRows(cursor.sql(page).to_arrow_table()), left_out
    finally:
        for table in ("one_member", "chosen_keys"):
            cursor.execute(f"DROP TABLE IF EXISTS {table}")


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


def _page(wide: str, kind: ChangeKind = ChangeKind.ENTERED) -> str:
    return f"""SELECT row_number() OVER (ORDER BY c.k) - 1 AS row, '{kind}' AS kind, c.k AS k, nullif(w.key_type, '{MEMBER}') AS key_type,
            w.place AS place, w.member_id AS member_id, w.profile_id AS profile_id, w.identity AS identity,
            w.traits AS traits, w.entities AS entities, CAST(NULL AS VARCHAR) AS partner_id,
            CAST(NULL AS VARCHAR) AS old_held, CAST(NULL AS BIGINT) AS old_sync, w.filled AS filled,
            CAST(NULL AS VARCHAR) AS old_filled
        FROM chosen_keys AS c JOIN ({wide}) AS w ON c.k = w.k AND c.source = w.source AND c.member_id = w.member_id
        ORDER BY c.k"""
