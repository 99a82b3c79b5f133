"""The numbers that the brake compares: members that leave by a plan, and members that are held."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from pathlib import Path

from app.domain.changes import ChangeKind, Held, Mode
from app.snapshots.engine import Cursor, LocalManifest, PlanSpec, fetch_one, parquet_relation
from app.snapshots.holdings import HELD, VALUE, holdings_relation
from app.snapshots.plans.sides import Sides

# Members are counted by hash: eight bytes each, also where every member of a large audience leaves.
_MEMBER = f"hash(coalesce(member_id, {VALUE}))"


def count_leaving(
    cursor: Cursor,
    spec: PlanSpec,
    sides: Sides,
    holdings: LocalManifest,
    out: Path,
    silenced: str = "false",
) -> tuple[int, int]:
    """Count the members of the plan's exits, and the members that they are a part of: held, in mode remove wanted.

    A member that stays under another key (a new address, another list) does not leave, except in mode remove.
    ``silenced``: the condition of exits that count although they are not sent (``unmade_lists``).
    """
    exits = f"""SELECT DISTINCT {_MEMBER} AS member FROM {parquet_relation([out])}
        WHERE kind = '{ChangeKind.EXITED}' AND (row IS NOT NULL OR ({silenced}))"""
    wanted = f"SELECT hash(member_id) AS member FROM {sides.keys} AS keys"
    exited = _count(cursor, exits)
    if spec.mode == Mode.REMOVE:
        return exited, _count(cursor, f"SELECT DISTINCT member FROM ({wanted}) AS wanted")
    staying = f"SELECT DISTINCT member FROM ({wanted}) AS wanted SEMI JOIN ({exits}) AS exits USING (member)"
    # Exits that waited for another activation count among those held.
    held = f"SELECT DISTINCT {_MEMBER} AS member FROM {holdings_relation(holdings)} AS rows WHERE {HELD} OR held = '{Held.LEFT}'"
    return exited - _count(cursor, staying), _count(cursor, held)


def _count(cursor: Cursor, query: str) -> int:
    return int(fetch_one(cursor, f"SELECT count(*) FROM ({query}) AS members")[0])
