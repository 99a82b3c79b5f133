"""Exits from lists that the partner does not have yet: nobody is on them, so nothing is sent, and the rows leave the holdings."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Callable

from app.domain.changes import ChangeKind, Held
from app.domain.left_out import LeftOut
from app.snapshots.engine import Cursor, fetch_one, sql_text
from app.snapshots.plans.decisions import SILENT, kind_code_of
from app.snapshots.plans.sides import Sides

_EXIT = f"code = {kind_code_of(ChangeKind.EXITED)}"
_AT_PARTNER = f"old_held IN ('{Held.YES}', '{Held.MAYBE}', '{Held.LEFT}')"


def silence_exits(
    cursor: Cursor, sides: Sides, lacks_list: Callable[[str | None], bool] | None
) -> str:
    """Make the exits in ``decided`` from lists that do not exist silent, and count them in ``sides.left_out``.

    ``lacks_list`` says for the text of a place whether its list is still to be created; None: the partner has no such
    lists. Returns the condition, on rows of the plan's file, that a row is such an exit of a member who was held; ``false``
    if there is none. The brake counts these members, although no call removes them.
    """
    if lacks_list is None:
        return "false"
    rows = cursor.execute(f"SELECT DISTINCT place FROM decided WHERE {_EXIT}").fetchall()
    unmade = [place for (place,) in rows if lacks_list(place)]
    if not unmade:
        return "false"
    there = " OR ".join(f"place IS NOT DISTINCT FROM {_text(place)}" for place in unmade)
    chosen = f"{_EXIT} AND ({there})"
    count = fetch_one(cursor, f"SELECT count(*) FROM decided WHERE {chosen}")[0]
    sides.left_out[LeftOut.LIST_NOT_CREATED.value] = int(count)
    cursor.execute(f"UPDATE decided SET code = code + {SILENT} WHERE {chosen}")
    return f"row IS NULL AND {_AT_PARTNER} AND ({there})"


def _text(place: str | None) -> str:
    return "NULL" if place is None else sql_text(place)
