"""Plans: what is wanted against what is held, as one immutable file of changes in a fixed order.

Set-based SQL throughout, never a loop over members. Two steps: a narrow join of keys and hashes finds the few keys that
change, range by range; then identities and traits are worked out for these alone and written.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.domain.changes import ChangeKind
from app.domain.left_out import LeftOut
from app.snapshots.engine import (
    RANGE_ROWS,
    Cursor,
    KeyRange,
    LocalManifest,
    PlanSpec,
    PlanStats,
    fetch_one,
    key_position,
    key_ranges,
    parquet_relation,
    row_group_weights,
)
from app.snapshots.holdings import PROFILE, count_held, holdings_relation
from app.snapshots.plans.decisions import KINDS, REFUSED_BEFORE, SILENT, decision_sql
from app.snapshots.plans.plan_file import PlanWriter, read_plan
from app.snapshots.plans.wanted import Wanted, wanted_sources
from app.snapshots.plans.wanted_pages import read_wanted

__all__ = ["key_position", "read_plan", "read_wanted", "write_plan"]

_SMALL = 300_000  # changes that are sorted and written at once
_ORDER = (ChangeKind.EXITED, ChangeKind.ENTERED, ChangeKind.UPDATED)
_TABLES = ("wanted_keys", "repeated_keys", "decided")


def write_plan(
    cursor: Cursor,
    spec: PlanSpec,
    wanted: Sequence[LocalManifest],
    holdings: LocalManifest,
    out: Path,
) -> PlanStats:
    """Write the plan that takes the destination from ``holdings`` to ``wanted`` (a union; the first source wins).

    Rows go by kind (exited, entered, updated), place and key, numbered from 0; then, without a number, what is folded
    into the holdings unsent.
    """
    try:
        sides = _sides(cursor, spec, wanted, holdings)
        for part, span in enumerate(sides.ranges):
            _decide(cursor, spec, sides, part, span)
        counts = _counts(cursor)
        with PlanWriter(out, spec) as writer:
            _write(cursor, spec, sides, counts, writer)
        stats = _stats(cursor, sides, counts, writer, holdings)
        return replace(stats, moves=_somebody_moves(cursor, stats, out))
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    finally:
        for table in _TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")


@dataclass(slots=True)
class _Sides:
    """Both sides of the join: relations, their ranges, and what was counted on the way."""

    sources: Sequence[Wanted]
    keys: str  # relation of source, member_id, k, place, fp1
    plain: bool
    held: str
    ranges: list[KeyRange]
    wanted: int
    left_out: dict[str, int]


def _sides(
    cursor: Cursor, spec: PlanSpec, wanted: Sequence[LocalManifest], holdings: LocalManifest
) -> _Sides:
    sources = wanted_sources(cursor, spec, wanted)
    held = holdings_relation(holdings)
    held_weights = row_group_weights((*holdings.base, *holdings.deltas), "k")
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE decided "
        "(part INTEGER, code UTINYINT, k VARCHAR, place VARCHAR, source INTEGER, member_id VARCHAR, has_row BOOLEAN)"
    )
    if len(sources) == 1 and sources[0].plain:
        manifest = wanted[0]
        weights = row_group_weights((*manifest.base, *manifest.deltas), "member_id")
        keys = f"({sources[0].narrow})"
        count = _number(cursor, f"SELECT count(*) FROM {sources[0].whole.sql}")
        return _Sides(sources, keys, True, held, key_ranges([weights, held_weights]), count, {})
    left_out = _stage(cursor, sources)
    rows = _number(cursor, "SELECT count(*) FROM wanted_keys")
    weights = _sampled(cursor, rows)
    ranges = key_ranges([weights, held_weights])
    return _Sides(sources, "wanted_keys", False, held, ranges, rows, left_out)


def _number(cursor: Cursor, query: str) -> int:
    row = fetch_one(cursor, query)
    return int(row[0])


def _stage(cursor: Cursor, sources: Sequence[Wanted]) -> dict[str, int]:
    """Work the keys out once; what has none, or may not go, is counted and left out."""
    union = " UNION ALL ".join(source.narrow for source in sources) or (
        "SELECT 0 AS source, '' AS member_id, '' AS k, '' AS place, '' AS reason, 0::UBIGINT AS fp1 WHERE false"
    )
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE wanted_keys AS {union}")
    rows = cursor.execute(
        "SELECT reason, count(DISTINCT member_id) FROM wanted_keys WHERE reason IS NOT NULL GROUP BY reason"
    ).fetchall()
    if rows:
        cursor.execute("DELETE FROM wanted_keys WHERE reason IS NOT NULL")
    if _number(cursor, "SELECT count(*) FROM wanted_keys") > 2 * RANGE_ROWS:
        cursor.execute(
            "CREATE OR REPLACE TEMP TABLE sorted_keys AS SELECT * FROM wanted_keys ORDER BY k"
        )
        cursor.execute("DROP TABLE wanted_keys")
        cursor.execute("ALTER TABLE sorted_keys RENAME TO wanted_keys")
    return dict(rows)


def _sampled(cursor: Cursor, rows: int) -> list[tuple[str, int]]:
    if rows <= 2 * RANGE_ROWS:
        return [("", rows)]
    sample = cursor.execute(
        "SELECT k FROM wanted_keys USING SAMPLE 10000 ROWS (reservoir, 1) ORDER BY k"
    ).fetchall()
    return [(key, rows // len(sample)) for (key,) in sample]


def _decide(cursor: Cursor, spec: PlanSpec, sides: _Sides, part: int, span: KeyRange) -> None:
    keys = (
        f"SELECT source, member_id, k, place, fp1 FROM {sides.keys} AS keys WHERE {span.holds('k')}"
    )
    if not sides.plain and _repeated(cursor, sides, keys):
        keys = f"""SELECT * FROM ({keys}) AS keys
            ANTI JOIN repeated_keys USING (k, source, member_id)"""
    cursor.execute(
        f"""INSERT INTO decided SELECT {part}, code, k, place, source, member_id, has_row FROM (
            SELECT {decision_sql(spec)} AS code, coalesce(w.k, h.k) AS k, coalesce(w.place, h.place) AS place,
                w.source AS source, w.member_id AS member_id, h.k IS NOT NULL AS has_row
            FROM ({keys}) AS w FULL JOIN (SELECT k, place, held, fp1, fp1_refused FROM {sides.held} AS rows
                WHERE {span.holds("k")}) AS h ON w.k = h.k
        ) AS joined WHERE code <> 0"""
    )


def _repeated(cursor: Cursor, sides: _Sides, keys: str) -> int:
    """Find the rows whose key stands before them: of the first source, then of the lowest member. Counted if shared."""
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE repeated_keys AS SELECT k, source, member_id, shared FROM (
            SELECT k, source, member_id, row_number() OVER place AS number,
                member_id <> first_value(member_id) OVER place AS shared
            FROM ({keys}) AS keys SEMI JOIN
                (SELECT k FROM ({keys}) AS all_keys GROUP BY k HAVING count(*) > 1) AS twice USING (k)
            WINDOW place AS (PARTITION BY k ORDER BY source, member_id)
        ) AS numbered WHERE number > 1"""
    )
    row = fetch_one(cursor, "SELECT count(*), count(*) FILTER (shared) FROM repeated_keys")
    repeated, shared = row
    sides.wanted -= repeated
    if shared:
        shared_key = LeftOut.SHARED_KEY.value  # a plain string: orjson refuses an enum as a key
        sides.left_out[shared_key] = sides.left_out.get(shared_key, 0) + shared
    return int(repeated)


# Writing

Counts = dict[tuple[int, str | None], int]  # rows by code and place


def _counts(cursor: Cursor) -> Counts:
    rows = cursor.execute(
        "SELECT code, place, count(*) FROM decided GROUP BY code, place"
    ).fetchall()
    return {(code, place): count for code, place, count in rows}


def _write(
    cursor: Cursor, spec: PlanSpec, sides: _Sides, counts: Counts, writer: PlanWriter
) -> None:
    written = {key: count for key, count in counts.items() if key[0] != REFUSED_BEFORE}
    if sum(written.values()) <= _SMALL:
        if written:
            writer.write(cursor, _changes(sides, f"code <> {REFUSED_BEFORE}", KeyRange()))
        return
    for code, place in sorted(written, key=lambda key: (key[0], key[1] or "")):
        for part, span in enumerate(sides.ranges):
            same_place = "place IS NULL" if place is None else "place = $place"
            chosen = f"code = {code} AND part = {part} AND {same_place}"
            names = {} if place is None else {"place": place}
            writer.write(cursor, _changes(sides, chosen, span), names)


def _changes(sides: _Sides, chosen: str, span: KeyRange) -> str:
    """The query of the plan's rows for a part of the decisions, in their order; see ``plan_file`` for the columns."""
    only = span.holds("member_id") if sides.plain else "true"
    wide = (
        " UNION ALL ".join(source.wide("chosen_rows", only) for source in sides.sources)
        or _no_wide()
    )
    return f"""WITH chosen_rows AS MATERIALIZED (SELECT * FROM decided WHERE {chosen}),
        held AS (SELECT h.* FROM {sides.held} AS h SEMI JOIN
            (SELECT k FROM chosen_rows WHERE has_row) AS touched USING (k) WHERE {span.holds("h.k")}),
        wide AS ({wide})
        SELECT c.code % {SILENT} AS kind_code, c.code >= {SILENT} AS silent, c.k AS k,
            coalesce(w.key_type, h.key_type) AS key_type, c.place AS place,
            CASE WHEN w.k IS NULL THEN h.member_id ELSE nullif(w.member_id, w.value) END AS member_id,
            CASE WHEN w.k IS NULL THEN h.profile_id ELSE nullif(w.profile_id, w.member_id) END AS profile_id,
            CASE WHEN c.code % {SILENT} = 1 THEN coalesce(h.identity, w.identity) ELSE w.identity END AS identity,
            w.traits AS traits, w.entities AS entities, w.k IS NOT NULL AS wanted,
            coalesce(w.fp1, h.fp1) AS fp1, h.held AS old_held, h.fp1 AS old_fp1,
            h.fp1_refused AS old_refused, h.identity AS old_identity, h.member_id AS old_member_id,
            h.profile_id AS old_profile_id, h.partner_id AS partner_id, h.sync AS old_sync
        FROM chosen_rows AS c
            LEFT JOIN wide AS w ON c.k = w.k AND c.source = w.source AND c.member_id = w.member_id
            LEFT JOIN held AS h ON c.k = h.k
        ORDER BY silent, kind_code, place NULLS FIRST, c.k"""


def _somebody_moves(cursor: Cursor, stats: PlanStats, out: Path) -> bool:
    """Whether one profile both exits and enters: to the partner its two keys may be one person."""
    if not stats.exited or not stats.entered:
        return False
    sides = [
        f"SELECT {PROFILE} AS profile FROM {parquet_relation([out])} WHERE kind = '{kind}' AND row IS NOT NULL"
        for kind in (ChangeKind.EXITED, ChangeKind.ENTERED)
    ]
    query = f"SELECT count(*) FROM (SELECT 1 FROM ({sides[0]}) AS exits SEMI JOIN ({sides[1]}) AS entries USING (profile) LIMIT 1)"
    return _number(cursor, query) > 0


def _no_wide() -> str:
    texts = ", ".join(
        f"'' AS {column}"
        for column in ("member_id", "k", "key_type", "value", "place", "profile_id", "identity")
    )
    return (
        f"SELECT 0 AS source, {texts}, '' AS traits, '' AS entities, 0::UBIGINT AS fp1 WHERE false"
    )


def _stats(
    cursor: Cursor, sides: _Sides, counts: Counts, writer: PlanWriter, holdings: LocalManifest
) -> PlanStats:
    kinds = dict.fromkeys(_ORDER, 0)
    silent = refused = 0
    for (code, _), count in counts.items():
        if code == REFUSED_BEFORE:
            refused += count
        elif code > SILENT:
            silent += count
        else:
            kinds[KINDS[code]] += count
    left_out = sides.left_out | ({LeftOut.REFUSED_BEFORE.value: refused} if refused else {})
    return PlanStats(
        entered=kinds[ChangeKind.ENTERED],
        exited=kinds[ChangeKind.EXITED],
        updated=kinds[ChangeKind.UPDATED],
        silent=silent,
        wanted=sides.wanted,
        held=count_held(cursor, holdings)[0],
        left_out=left_out,
        cuts=writer.cuts,
    )
