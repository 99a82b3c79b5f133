"""Fields that keys had at places that they leave: the partner's profile still has their values after a move."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Collection

from app.domain.changes import ChangeKind
from app.snapshots.engine import MEMBER, Cursor
from app.snapshots.holdings import VALUE
from app.snapshots.plans.decisions import KINDS, SILENT, kind_code
from app.snapshots.plans.sides import Sides

FORMER = "former_fields"  # value, key_type, filled
_EXIT = next(code for code, kind in KINDS.items() if kind is ChangeKind.EXITED)
_ENTRY = next(code for code, kind in KINDS.items() if kind is ChangeKind.ENTERED)


def note_former_fields(
    cursor: Cursor, sides: Sides, decided: Collection[tuple[int, str | None]]
) -> None:
    """Create the table ``FORMER`` of the values that leave a place; it is empty if none can enter another one.

    ``decided`` are the codes and places of the plan's decisions.
    """
    places = {
        kind: {place for code, place in decided if kind_code(code) == kind}
        for kind in (_EXIT, _ENTRY)
    }
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE {FORMER} (value VARCHAR, key_type VARCHAR, filled VARCHAR)"
    )
    moves = places[_EXIT] and places[_ENTRY] and len(places[_EXIT] | places[_ENTRY]) > 1
    if not moves:
        return
    cursor.execute(
        f"""INSERT INTO {FORMER}
        SELECT {VALUE} AS value, coalesce(key_type, '{MEMBER}') AS key_type, max(filled) AS filled
        FROM {sides.held} AS held SEMI JOIN (SELECT k FROM decided WHERE code % {SILENT} = {_EXIT}) AS exits USING (k)
        WHERE filled IS NOT NULL GROUP BY ALL"""
    )
