"""Renamed profiles: held rows that have one profile at the partner, although it can have the key of one of them only.

A partner that finds a profile by any identifier can give it the key of another member. The member who had it before has none
any more. Two calls at once, or a value that a user wrote into the profile at the partner, cause this; only the partner's ids show it.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from app.domain.changes import ChangeKind, Disposition, Held
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    LocalManifest,
    fetch_one,
    registered,
    stored_relation,
)
from app.snapshots.holdings.holding_rows import HELD, VALUE, holdings_relation

#: The table that ``find_renamed`` creates: ``source, k``.
RENAMED = "renamed"
_COLUMNS = f"k, coalesce(key_type, '{MEMBER}') AS type, {VALUE} AS key, identity, partner_id, sync"
_RENAMED_KEYS = f"(SELECT k FROM {RENAMED} WHERE source = 0)"
_TIMES = pa.schema(
    [
        ("source", pa.int64()),
        ("sync", pa.int64()),
        ("began", pa.float64()),
        ("ended", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Holder:
    """The holdings of one activation. ``times``: when its recent syncs began and ended, in seconds, by number."""

    holdings: LocalManifest
    times: Mapping[int, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RenameCheck:
    """What a fold looks for renamed profiles in: the activation before the sync, then others at its places.

    ``exits_first``: the exits were recorded before the entries were sent, so they took none back.
    """

    holders: Sequence[Holder]
    exits_first: bool = False


@dataclass(frozen=True, slots=True)
class Renamed:
    """What a fold found. ``rows`` of the plan were delivered, but their profile may have been renamed since.

    ``before``: so many held keys of earlier syncs, which the plan does not change. ``others``: positions among the holders.
    """

    rows: frozenset[int] = frozenset()
    before: int = 0
    others: tuple[int, ...] = ()


def find_renamed_changes(cursor: Cursor, check: RenameCheck, outcome: Path) -> Renamed:
    """Find what a written outcome renamed. Looks at this sync's ids of the partner, in the table ``exception_marks``."""
    own, changes = check.holders[0], f"{stored_relation([outcome])} AS changes"
    exits = f"SELECT * FROM {changes} WHERE kind = '{ChangeKind.EXITED}' AND row IS NOT NULL"
    sources = find_renamed(
        cursor,
        [replace(own, holdings=_after(own.holdings, outcome)), *check.holders[1:]],
        among="SELECT partner_id FROM exception_marks",
        further=None if check.exits_first else exits,
    )
    rows = cursor.execute(
        f"""SELECT row FROM {changes} WHERE k IN {_RENAMED_KEYS} AND row IS NOT NULL
            AND kind <> '{ChangeKind.EXITED}' AND disposition = '{Disposition.DELIVERED}'"""
    ).fetchall()
    (before,) = fetch_one(
        cursor,
        f"""SELECT count(*) FROM {_RENAMED_KEYS} AS found
            ANTI JOIN (SELECT k FROM {changes} WHERE row IS NOT NULL) AS planned USING (k)""",
    )
    return Renamed(frozenset(row for (row,) in rows), before, tuple(one for one in sources if one))


def _after(held: LocalManifest, outcome: Path) -> LocalManifest:
    if held.base or held.deltas:
        return LocalManifest(held.base, (*held.deltas, outcome))
    return LocalManifest((outcome,))


def find_renamed(
    cursor: Cursor,
    holders: Sequence[Holder],
    *,
    among: str | None = None,
    further: str | None = None,
) -> list[int]:
    """Create the table ``renamed`` of held rows whose profile may have another row's key: it was not sent after the other.

    Its columns are ``source`` (the position in ``holders``) and ``k``. Returns the positions that occur, in order.
    ``among``: a query of ``partner_id``, the only ids that are looked at. ``further``: a query of more rows of source 0.
    """
    parts = [
        f"SELECT {number} AS source, {_COLUMNS} FROM {holdings_relation(one.holdings)} AS held WHERE {HELD}"
        for number, one in enumerate(holders)
    ]
    if further is not None:
        parts.append(f"SELECT 0 AS source, {_COLUMNS} FROM ({further}) AS further")
    with registered(cursor, "sync_times", _times(holders)):
        cursor.execute(_renamed_rows(" UNION ALL ".join(parts), among))
    found = cursor.execute(f"SELECT DISTINCT source FROM {RENAMED} ORDER BY source").fetchall()
    return [source for (source,) in found]


def _renamed_rows(rows: str, among: str | None) -> str:
    chosen = "" if among is None else f"SEMI JOIN ({among}) AS asked USING (partner_id)"
    return f"""CREATE OR REPLACE TEMP TABLE {RENAMED} AS
        WITH rows AS (SELECT * FROM ({rows}) AS every {chosen} WHERE partner_id IS NOT NULL),
            several AS (SELECT partner_id FROM rows GROUP BY partner_id HAVING min(key) <> max(key)),
            few AS MATERIALIZED (SELECT rows.*, coalesce(began, '-inf'::DOUBLE) AS began,
                    coalesce(ended, '-inf'::DOUBLE) AS ended
                FROM rows SEMI JOIN several USING (partner_id) LEFT JOIN sync_times USING (source, sync))
        SELECT DISTINCT a.source, a.k FROM few AS a JOIN few AS b USING (partner_id)
        WHERE a.began <= b.ended AND ({_contradicts("a", "b")} OR {_contradicts("b", "a")})"""


def unsure(held: str) -> str:
    """Return the relation of held rows in which the renamed ones of source 0 are ``maybe``, and have no id of the partner."""
    return f"""(SELECT * REPLACE (
            CASE WHEN held = '{Held.YES}' AND k IN {_RENAMED_KEYS} THEN '{Held.MAYBE}' ELSE held END AS held,
            CASE WHEN k IN {_RENAMED_KEYS} THEN NULL ELSE partner_id END AS partner_id)
        FROM {held} AS rows)"""


def _times(holders: Sequence[Holder]) -> pa.Table:
    rows = [
        {"source": number, "sync": sync, "began": began, "ended": ended}
        for number, one in enumerate(holders)
        for sync, (began, ended) in one.times.items()
    ]
    return pa.Table.from_pylist(rows, _TIMES)


def _contradicts(one: str, other: str) -> str:
    """Return the condition that one row has another value than the other's key, under the name of that key."""
    pointer = f"'/' || replace(replace({other}.type, '~', '~0'), '/', '~1')"
    value = f"json_extract({one}.identity, {pointer})"
    texts = f"from_json({value}, '[\"VARCHAR\"]')"
    return f"""(CASE WHEN {one}.type = {other}.type THEN {one}.key <> {other}.key
        WHEN json_type({value}) = 'ARRAY' THEN NOT list_contains({texts}, {other}.key)
        ELSE coalesce(json_extract_string({one}.identity, {pointer}) <> {other}.key, false) END)"""
