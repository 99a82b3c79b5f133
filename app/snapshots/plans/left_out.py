"""Left-out members: who is in a membership but not in its plan, and why; and the arms of a split, counted with them.

Plans count such members and do not name them. Here they are computed once more, from what the plan was computed from.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.domain.left_out import LeftOut
from app.snapshots.engine import Cursor, LocalManifest, PlanSpec, sql_text, stored_relation
from app.snapshots.holdings import PROFILE, holdings_relation
from app.snapshots.plans.decisions import REFUSED_BEFORE, decision_sql
from app.snapshots.plans.wanted import Wanted, left_out_keys, wanted_sources
from app.snapshots.plans.wanted_rows import arm_sql

#: Reasons whose members are found by :func:`left_out_rows`: the others depend on what other activations did then.
LISTED = (
    LeftOut.NO_CONSENT,
    LeftOut.CONTROL,
    LeftOut.NO_IDENTIFIER,
    LeftOut.PHONE_WITHOUT_COUNTRY,
    LeftOut.SHARED_KEY,
    LeftOut.REFUSED_BEFORE,
)
_TABLES = ("all_keys", "left_out_rows")


@dataclass(frozen=True, slots=True)
class PlannedFrom:
    """What a plan was computed from: memberships (the first source wins), holdings, and the plan itself, if it is kept.

    ``holdings`` may be newer than the plan: a key that is in the plan was not left out.
    """

    spec: PlanSpec
    wanted: Sequence[LocalManifest]
    holdings: LocalManifest
    plan: Path | None = None


@contextmanager
def left_out_rows(
    cursor: Cursor, planned: PlannedFrom, reasons: Collection[LeftOut]
) -> Iterator[list[Wanted]]:
    """Create the tables ``all_keys`` and ``left_out_rows`` while the block runs. Yields the sources.

    ``all_keys``: ``source, member_id, owner, k, place, reason, fp1`` with a row for each key or left-out member.
    ``left_out_rows``: ``member_id, reason, source, owner, k, kept_by``, one row for each member and reason; ``kept_by`` is the
    member that has a shared key. Only these reasons are searched for.
    """
    refused = LeftOut.REFUSED_BEFORE in reasons and _may_refuse(planned)
    sources = wanted_sources(cursor, planned.spec, planned.wanted, hashed=refused)
    try:
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE all_keys AS {_all_keys(sources)}")
        parts = [_by_reason(reasons, sources)]
        if LeftOut.SHARED_KEY in reasons and planned.spec.key == "identifiers":
            parts.append(_shared())
        if refused:
            parts.append(_refused(planned, sources))
        cursor.execute(
            f"""CREATE OR REPLACE TEMP TABLE left_out_rows AS
            SELECT member_id, reason, min(source) AS source, min(owner) AS owner, min(k) AS k, min(kept_by) AS kept_by
            FROM ({" UNION ALL ".join(parts)}) AS parts GROUP BY member_id, reason"""
        )
        yield sources
    finally:
        for table in _TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")


def _all_keys(sources: Sequence[Wanted]) -> str:
    shown = "source, member_id, coalesce(owner, member_id) AS owner, k, place, reason, fp1"
    union = [f"SELECT {shown} FROM ({source.narrow}) AS keys" for source in sources]
    return " UNION ALL ".join(union) or (
        "SELECT 0 AS source, '' AS member_id, '' AS owner, '' AS k, '' AS place, '' AS reason, 0::UBIGINT AS fp1 WHERE false"
    )


def _by_reason(reasons: Collection[LeftOut], sources: Sequence[Wanted]) -> str:
    """Return the query of the members that have no key of their own accord."""
    named = ", ".join(sql_text(reason) for reason in reasons) or "NULL"
    return f"""SELECT member_id, reason, source, owner, CAST(NULL AS VARCHAR) AS k, CAST(NULL AS VARCHAR) AS kept_by
        FROM {left_out_keys("all_keys", sources)} AS missed WHERE reason IN ({named})"""


def _shared() -> str:
    """Return the query of the members whose key an earlier member has, as ``plan`` decides it."""
    return f"""SELECT member_id, {sql_text(LeftOut.SHARED_KEY)} AS reason, source, owner, k, kept_by FROM (
            SELECT *, first_value(member_id) OVER (PARTITION BY k ORDER BY source, member_id) AS kept_by
            FROM all_keys WHERE reason IS NULL
        ) AS numbered WHERE member_id <> kept_by"""


def _may_refuse(planned: PlannedFrom) -> bool:
    spec = planned.spec
    return not (spec.resync or spec.baseline or spec.retry_refused)


def _refused(planned: PlannedFrom, sources: Sequence[Wanted]) -> str:
    """Return the query of the keys that the destination refused with these values, and that the plan does not send."""
    owned = any(source.spec.key == "identifiers" or source.linked for source in sources)
    held = f"""SELECT k, held, fp1, fp1_refused, {PROFILE} AS owner FROM {holdings_relation(planned.holdings)} AS rows
        WHERE fp1_refused IS NOT NULL"""
    sent = "false"
    if planned.plan is not None:
        sent = f"w.k IN (SELECT k FROM {stored_relation([planned.plan])} AS rows)"
    return f"""SELECT w.member_id, {sql_text(LeftOut.REFUSED_BEFORE)} AS reason, w.source, w.owner, w.k, CAST(NULL AS VARCHAR) AS kept_by
        FROM (SELECT * FROM all_keys WHERE reason IS NULL QUALIFY row_number() OVER (PARTITION BY k ORDER BY source, member_id) = 1) AS w
        JOIN ({held}) AS h ON w.k = h.k
        WHERE ({decision_sql(planned.spec, owned=owned)}) = {REFUSED_BEFORE} AND NOT ({sent})"""


def find_keepers(
    cursor: Cursor, spec: PlanSpec, wanted: Sequence[LocalManifest], keys: Collection[str]
) -> dict[str, str]:
    """Return the member that is sent with each of some written keys, as ``{key: member id}``.

    It is that of the first source, there the one with the lowest id.
    """
    sources = wanted_sources(cursor, spec, wanted, hashed=False)
    try:
        # The engine computes a key once for a table, and twice for a condition on it.
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE all_keys AS {_all_keys(sources)}")
        rows = cursor.execute(
            """SELECT k, arg_min(member_id, (source, member_id)) FROM all_keys
            WHERE reason IS NULL AND k IN (SELECT unnest($keys)) GROUP BY k""",
            {"keys": sorted(keys)},
        ).fetchall()
        return dict(rows)
    finally:
        cursor.execute("DROP TABLE IF EXISTS all_keys")


@dataclass(frozen=True, slots=True)
class ArmRow:
    """Members that the split gives an arm. ``left_out`` has counts by reason."""

    arm: str
    members: int
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class SentRow:
    """Changes of a plan: their kind, the text of their place, and the arm that the split gives their profiles now."""

    kind: str
    place: str | None
    arm: str | None
    changes: int


def count_arms(cursor: Cursor, planned: PlannedFrom) -> tuple[list[ArmRow], list[SentRow]]:
    """Count members by arm and reason, and the changes of the plan, which are none if it is not kept."""
    spec = planned.spec
    with left_out_rows(cursor, planned, LISTED):
        arm = arm_sql(spec, "owner")
        members = cursor.execute(
            f"""SELECT arm, count(*) FROM (SELECT {arm} AS arm FROM
                (SELECT member_id, min(owner) AS owner FROM all_keys GROUP BY member_id) AS each) AS armed GROUP BY arm"""
        ).fetchall()
        reasons = cursor.execute(
            f"""SELECT arm, reason, count(*) FROM (SELECT {arm} AS arm, reason FROM left_out_rows) AS armed
            GROUP BY ALL ORDER BY ALL"""
        ).fetchall()
    counted = dict(members)
    rows = [
        ArmRow(
            one.name,
            counted.get(one.name, 0),
            {reason: count for name, reason, count in reasons if name == one.name},
        )
        for one in spec.arms
    ]
    return rows, _sent(cursor, planned)


def _sent(cursor: Cursor, planned: PlannedFrom) -> list[SentRow]:
    if planned.plan is None:
        return []
    found = cursor.execute(
        f"""SELECT kind, place, arm, count(*) FROM (
            SELECT kind, place, {arm_sql(planned.spec, "owner")} AS arm FROM
                (SELECT kind, place, {PROFILE} AS owner FROM {stored_relation([planned.plan])} AS rows WHERE row IS NOT NULL) AS sent
        ) AS armed GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    return [SentRow(*row) for row in found]
