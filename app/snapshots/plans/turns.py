"""Turns: the order of entries that take keys over, if their owners form a chain."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from app.snapshots.engine import Cursor
from app.snapshots.holdings import PROFILE
from app.snapshots.plans.decisions import TAKES_OVER
from app.snapshots.plans.sides import Sides

_LONGEST = 100  # turns; later links of a longer chain share the last one


def order_owners(cursor: Cursor, sides: Sides, *, any_taken: bool) -> None:
    """Fill the table ``turns`` with the key and turn of each entry that takes a key over from another profile.

    Example: C takes y from A, and A takes x from B. C's entry has turn 0, A's has turn 1: a partner that knows A by y
    refuses A's other identifiers for x until y is C's. In a ring of owners no entry is the first; all have turn 0.
    """
    cursor.execute("CREATE OR REPLACE TEMP TABLE turns (k VARCHAR, turn INTEGER)")
    if any_taken:
        cursor.execute(f"INSERT INTO turns {_query(sides)}")


def turns_of(cursor: Cursor, code: int) -> list[str]:
    """Return a condition on ``decided`` for each turn of the changes with a code, in order."""
    if code < TAKES_OVER:
        return ["true"]
    later = cursor.execute(
        "SELECT DISTINCT turn FROM turns WHERE turn > 0 ORDER BY turn"
    ).fetchall()
    if not later:
        return ["true"]
    first = "k NOT IN (SELECT k FROM turns WHERE turn > 0)"
    return [first, *(f"k IN (SELECT k FROM turns WHERE turn = {turn:d})" for (turn,) in later)]


def _query(sides: Sides) -> str:
    return f"""WITH RECURSIVE
        taken AS MATERIALIZED (SELECT d.k AS k, coalesce(w.owner, w.member_id) AS taker, h.owner AS loser
            FROM decided AS d JOIN {sides.keys} AS w ON w.k = d.k AND w.source = d.source AND w.member_id = coalesce(d.member_id, d.k)
            JOIN (SELECT k, {PROFILE} AS owner FROM {sides.held} AS rows) AS h ON h.k = d.k
            WHERE d.code >= {TAKES_OVER}),
        chain AS (
            SELECT k, loser, 0 AS turn FROM taken WHERE taker NOT IN (SELECT loser FROM taken)
            UNION
            SELECT taken.k, taken.loser, chain.turn + 1 FROM chain JOIN taken ON taken.taker = chain.loser
            WHERE chain.turn < {_LONGEST})
        SELECT k, max(turn) FROM chain GROUP BY k"""
