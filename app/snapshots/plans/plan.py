"""Plans: wanted keys compared with held keys, as one immutable file of changes in a fixed order.

All work is set-based SQL, never a loop over members. First, a narrow join of keys and hashes finds the keys that change,
one range after another. Then identities and traits are computed for these keys only, and written.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from app.domain.changes import ChangeKind
from app.domain.left_out import LeftOut
from app.snapshots.engine import (
    Cursor,
    KeyRange,
    LocalManifest,
    PlanSpec,
    PlanStats,
    fetch_one,
    footers_kept,
    parquet_relation,
)
from app.snapshots.holdings import (
    PROFILE,
    RENAMED,
    Holder,
    count_held,
    find_renamed,
    holdings_relation,
    unsure,
)
from app.snapshots.plans.decisions import (
    KINDS,
    REFUSED_BEFORE,
    decision_sql,
    is_silent,
    kind_code,
    needs_hashes,
)
from app.snapshots.plans.former_places import FORMER
from app.snapshots.plans.leaving import count_leaving
from app.snapshots.plans.plan_changes import Counts, count_decisions, write_changes
from app.snapshots.plans.plan_file import PlanWriter
from app.snapshots.plans.retried_refusals import RETRIED, Retried, without_refusals
from app.snapshots.plans.rule_changes import count_rule_changes, rules_of
from app.snapshots.plans.sharers import Sharer
from app.snapshots.plans.sharing import TABLES as SHARING_TABLES
from app.snapshots.plans.sharing import withhold
from app.snapshots.plans.sides import NOT_COUNTED, Counted, Sides, plan_sides
from app.snapshots.plans.touched import TABLES as TOUCHED_TABLES
from app.snapshots.plans.touched import touched_sides
from app.snapshots.plans.unmade_lists import silence_exits

_ORDER = (ChangeKind.EXITED, ChangeKind.ENTERED, ChangeKind.UPDATED)
_TABLES = ("wanted_keys", "repeated_keys", "decided", "turns", FORMER, RENAMED, RETRIED)


def write_plan(
    cursor: Cursor,
    spec: PlanSpec,
    wanted: Sequence[LocalManifest],
    holdings: LocalManifest,
    out: Path,
    *,
    known_rules: frozenset[str] | None = None,
    sharers: Sequence[Sharer] = (),
    withheld: Path | None = None,
    holders: Sequence[Holder] = (),
    retried: Sequence[Retried] = (),
    lacks_list: Callable[[str | None], bool] | None = None,
    agreed: LocalManifest | None = None,
    counted: Counted = NOT_COUNTED,
) -> PlanStats:
    """Write the plan that takes the destination from ``holdings`` to ``wanted`` (a union; the first source wins).

    Rows are sorted by kind (exited, entered, updated), place and key, and numbered from 0. Entries that take a key over
    from another profile come before other entries, in their turns. Then follow, without a number, the rows that are folded into
    the holdings without sending. ``known_rules`` are those that the keys in the holdings were made by; None: the current ones.
    ``sharers`` are other activations at the same places (``sharing``); what is withheld because of them is written to
    ``withheld``, as rows of the holdings. ``holders``: the activation and those others, if the partner can rename
    profiles (``holdings.renamed``): a wanted key whose profile may have another key by now is entered again.
    ``retried``: changes that are sent again although they were refused (``retried_refusals``).
    ``lacks_list`` says for a place whether its list is still to be created: no exit is sent to it (``unmade_lists``).
    ``agreed``: members by whose plan ``holdings`` came about, with everything delivered, under the same specification but for
    its numbers and limits (``touched``). ``counted``: what need not be counted.
    """
    try:
        sides = _sides(cursor, spec, wanted, holdings, retried, holders, counted.members)
        alone = not (sharers or holders or retried)
        compared = touched_sides(cursor, spec, sides, wanted, agreed if alone else None)
        _decide_all(cursor, spec, compared)
        kept = withhold(cursor, spec, sides, sharers, withheld)
        silenced = silence_exits(cursor, sides, lacks_list)
        counts = count_decisions(cursor)
        with PlanWriter(out, spec) as writer:
            write_changes(cursor, spec, compared, counts, writer)
        held = count_held(cursor, holdings)[0] if counted.held is None else counted.held
        stats = _stats(sides, counts, writer, held)
        stats = _with_rules(cursor, spec, sides, holdings, stats, known_rules)
        stats = replace(stats, withheld=kept.rows, waits_for=kept.waits_for)
        if not stats.exited and silenced == "false":
            return stats
        leaving, of_members = count_leaving(cursor, spec, sides, holdings, out, silenced)
        moves = _profile_moves(cursor, stats, out)
        return replace(stats, moves=moves, leaving=leaving, of_members=of_members)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    finally:
        for table in (*_TABLES, *SHARING_TABLES, *TOUCHED_TABLES):
            cursor.execute(f"DROP TABLE IF EXISTS {table}")


def _sides(
    cursor: Cursor,
    spec: PlanSpec,
    wanted: Sequence[LocalManifest],
    holdings: LocalManifest,
    retried: Sequence[Retried],
    holders: Sequence[Holder],
    members: int | None,
) -> Sides:
    refusals = _has_refusals(cursor, spec, holdings)
    sides = plan_sides(cursor, spec, wanted, holdings, refusals=refusals, members=members)
    sides.held = without_refusals(cursor, sides.held, retried)
    if holders and ChangeKind.ENTERED in spec.sends and 0 in find_renamed(cursor, holders):
        sides.held = unsure(sides.held)
    return sides


def _with_rules(
    cursor: Cursor,
    spec: PlanSpec,
    sides: Sides,
    holdings: LocalManifest,
    stats: PlanStats,
    known: frozenset[str] | None,
) -> PlanStats:
    """Add the rules of the plan, and what the unknown ones among them change."""
    rules = rules_of(spec, sides.sources)
    fresh = rules - (rules if known is None else known)
    if not fresh or not stats.held:
        return replace(stats, rules=rules)
    changes = count_rule_changes(cursor, spec, sides, holdings, fresh)
    return replace(stats, rules=rules, rule_changes=changes)


def _has_refusals(cursor: Cursor, spec: PlanSpec, holdings: LocalManifest) -> bool:
    """Return whether a held row has a hash that was refused; True also if that does not matter."""
    if needs_hashes(spec, refusals=False):
        return True
    query = f"SELECT count(fp1_refused) FROM {holdings_relation(holdings)} AS rows"
    return bool(fetch_one(cursor, query)[0])


def _decide_all(cursor: Cursor, spec: PlanSpec, sides: Sides) -> None:
    with footers_kept(cursor, sides.ranges):
        for part, span in enumerate(sides.ranges):
            _decide(cursor, spec, sides, part, span)


def _decide(cursor: Cursor, spec: PlanSpec, sides: Sides, part: int, span: KeyRange) -> None:
    """Add the keys of a range that change, with the code of their decision, to the table ``decided``."""
    keys = f"""SELECT source, member_id, coalesce(owner, member_id) AS owner, k, place, fp1
        FROM {sides.keys} AS keys WHERE {span.holds("k")}"""
    if not sides.plain and _repeated(cursor, sides, keys):
        keys = f"""SELECT * FROM ({keys}) AS keys
            ANTI JOIN repeated_keys USING (k, source, member_id)"""
    cursor.execute(
        f"""INSERT INTO decided SELECT {part}, code, k, place, source, nullif(member_id, k), has_row FROM (
            SELECT {decision_sql(spec, owned=sides.owned, refusals=sides.refusals)} AS code, coalesce(w.k, h.k) AS k, coalesce(w.place, h.place) AS place,
                w.source AS source, w.member_id AS member_id, h.k IS NOT NULL AS has_row
            FROM ({keys}) AS w FULL JOIN (SELECT k, place, held, fp1, fp1_refused, {PROFILE} AS owner FROM {sides.held} AS rows
                WHERE {span.holds("k")}) AS h ON w.k = h.k
        ) AS joined WHERE code <> 0"""
    )


def _repeated(cursor: Cursor, sides: Sides, keys: str) -> int:
    """Find the rows whose key an earlier row has: of an earlier source, or of a lower member id. Returns their number.

    A key that two members share counts as left out for the later one.
    """
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


def _profile_moves(cursor: Cursor, stats: PlanStats, out: Path) -> bool:
    """Report whether a profile both exits and enters: for the partner, both keys may be one person."""
    if not stats.exited or not stats.entered:
        return False
    sides = [
        f"SELECT {PROFILE} AS profile FROM {parquet_relation([out])} WHERE kind = '{kind}' AND row IS NOT NULL"
        for kind in (ChangeKind.EXITED, ChangeKind.ENTERED)
    ]
    query = f"SELECT count(*) FROM (SELECT 1 FROM ({sides[0]}) AS exits SEMI JOIN ({sides[1]}) AS entries USING (profile) LIMIT 1)"
    return bool(fetch_one(cursor, query)[0])


def _stats(sides: Sides, counts: Counts, writer: PlanWriter, held: int) -> PlanStats:
    kinds = dict.fromkeys(_ORDER, 0)
    silent = refused = 0
    for (code, _), count in counts.items():
        if code == REFUSED_BEFORE:
            refused += count
        elif is_silent(code):
            silent += count
        else:
            kinds[KINDS[kind_code(code)]] += count
    left_out = sides.left_out | ({LeftOut.REFUSED_BEFORE.value: refused} if refused else {})
    return PlanStats(
        entered=kinds[ChangeKind.ENTERED],
        exited=kinds[ChangeKind.EXITED],
        updated=kinds[ChangeKind.UPDATED],
        silent=silent,
        wanted=sides.wanted,
        held=held,
        left_out=left_out,
        cuts=writer.cuts,
    )
