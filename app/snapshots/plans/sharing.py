"""What a plan may not change where other activations have keys: exits that are withheld, and entries that wait."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.changes import ChangeKind, Held, Mode
from app.domain.left_out import LeftOut
from app.domain.shared_places import Keeping
from app.snapshots.engine import (
    Cursor,
    FileFormat,
    PlanSpec,
    copy_to,
    fetch_one,
    format_metadata,
    sql_text,
)
from app.snapshots.holdings import GONE, SHOWN, VALUE
from app.snapshots.plans.decisions import SILENT, kind_code_of
from app.snapshots.plans.sharers import Sharer
from app.snapshots.plans.sides import Sides

TABLES = ("own_exits", "found_holders", "withheld", "waiting")
_EXIT = f"code = {kind_code_of(ChangeKind.EXITED)}"
_ENTRY = f"code % {SILENT} = {kind_code_of(ChangeKind.ENTERED)} AND code & {SILENT} = 0"


@dataclass(frozen=True, slots=True)
class Withheld:
    """What was taken out of a plan. ``rows`` of the holdings change at once; ``waits_for`` are positions of sharers."""

    rows: int = 0
    waits_for: tuple[int, ...] = ()


def withhold(
    cursor: Cursor, spec: PlanSpec, sides: Sides, sharers: Sequence[Sharer], out: Path | None
) -> Withheld:
    """Remove from the table ``decided`` what sharers forbid, and count it in ``sides.left_out``.

    An exit of a key that a sharer holds is not sent. If the sharer will send it, the key's row leaves the holdings;
    otherwise the row becomes ``left``, and the next plan decides again. An entry of a key whose exit a sharer still sends
    waits for the next plan. The changed rows of the holdings are written to ``out``. In mode remove all exits are sent.
    """
    if not sharers or spec.mode is Mode.REMOVE:
        return Withheld()
    waits = _hold_exits(cursor, sides, sharers) | _hold_entries(cursor, sides, sharers)
    rows = _write_rows(cursor, sides, out) if out is not None else 0
    return Withheld(rows, tuple(sorted(waits)))


def _hold_exits(cursor: Cursor, sides: Sides, sharers: Sequence[Sharer]) -> set[int]:
    """Find the exits whose keys sharers hold, as the table ``withheld``. Returns the sharers that keys wait for."""
    _own_exits(cursor, sides)
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE found_holders (number INTEGER, k VARCHAR, drops BOOLEAN)"
    )
    for number, sharer in enumerate(sharers):
        _find_holders(cursor, number, sharer)
    cursor.execute(
        """CREATE OR REPLACE TEMP TABLE withheld AS
        SELECT k, bool_or(drops) AS drops FROM found_holders GROUP BY k"""
    )
    cursor.execute(f"DELETE FROM decided WHERE {_EXIT} AND k IN (SELECT k FROM withheld)")
    _count(cursor, sides, LeftOut.HELD_BY_ANOTHER, "withheld")
    return _numbers(
        cursor,
        """SELECT DISTINCT number FROM found_holders SEMI JOIN
            (SELECT k FROM withheld WHERE NOT drops) AS kept USING (k)""",
    )


def _own_exits(cursor: Cursor, sides: Sides) -> None:
    """Create the table ``own_exits``: the key of each planned exit, and each identifier that was sent with it."""
    exits = f"""SELECT h.k, h.place, coalesce(h.key_type, '') AS kind, {VALUE} AS value, h.identity
        FROM {sides.held} AS h SEMI JOIN (SELECT k FROM decided WHERE {_EXIT}) AS exits USING (k)"""
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE own_exits AS WITH rows AS MATERIALIZED ({exits})
        SELECT k, place, kind, value, true AS is_key FROM rows
        UNION ALL SELECT k, place, name AS kind, unnest({_texts("name")}) AS value, false AS is_key
            FROM (SELECT k, place, kind AS key_kind, identity, unnest(json_keys(identity)) AS name
                FROM rows WHERE identity IS NOT NULL) AS named WHERE name <> key_kind"""
    )


def _texts(name: str) -> str:
    """Return the expression of the values of an identifier in an identity: one value, or a list of them."""
    pointer = f"'/' || replace(replace({name}, '~', '~0'), '/', '~1')"
    value = f"json_extract(identity, {pointer})"
    return f"""CASE WHEN json_type({value}) = 'ARRAY' THEN from_json({value}, '["VARCHAR"]')
        ELSE [json_extract_string({value}, '$')] END"""


def _find_holders(cursor: Cursor, number: int, sharer: Sharer) -> None:
    """Add the exits whose keys a sharer holds: by its key, or by an identifier that it sent with another key."""
    holders = sharer.holders
    if holders is None:
        return
    drops = sharer.whole and sharer.keeping is Keeping.WHILE_WANTED
    here = f"o.place IS NOT DISTINCT FROM {_text(sharer.place)}"
    by_key = f"""SELECT {number}, o.k, o.is_key AND NOT h.moving AND {drops} FROM own_exits AS o JOIN ({holders}) AS h
        ON h.value = o.value AND h.key_type = o.kind WHERE {here}"""
    cursor.execute(f"INSERT INTO found_holders {by_key}")
    kinds = cursor.execute("SELECT DISTINCT kind FROM own_exits WHERE is_key").fetchall()
    for (kind,) in kinds:
        name = sql_text(kind)
        cursor.execute(
            f"""INSERT INTO found_holders SELECT {number}, o.k, false FROM own_exits AS o JOIN
                (SELECT unnest({_texts(name)}) AS sent FROM ({holders}) AS h
                    WHERE key_type <> {name} AND identity IS NOT NULL) AS others
            ON o.value = others.sent WHERE o.is_key AND o.kind = {name} AND {here}"""
        )


def _hold_entries(cursor: Cursor, sides: Sides, sharers: Sequence[Sharer]) -> set[int]:
    """Remove entries from ``decided`` whose keys a sharer's open plan exits. Returns the sharers that they wait for."""
    cursor.execute("CREATE OR REPLACE TEMP TABLE waiting (number INTEGER, k VARCHAR)")
    for number, sharer in enumerate(sharers):
        if sharer.leavers is not None:
            cursor.execute(f"INSERT INTO waiting {_entries_that_wait(number, sharer)}")
    cursor.execute(f"DELETE FROM decided WHERE {_ENTRY} AND k IN (SELECT k FROM waiting)")
    _count(cursor, sides, LeftOut.LEAVING_BY_ANOTHER, "waiting")
    return _numbers(cursor, "SELECT DISTINCT number FROM waiting")


def _entries_that_wait(number: int, sharer: Sharer) -> str:
    """Return the query of the entries of keys, or of identifiers sent with keys, that a sharer's open plan exits."""
    place = sharer.place or ""
    leaving = f"""SELECT key_type AS kind, value FROM ({sharer.leavers}) AS leavers
        UNION ALL SELECT name AS kind, unnest({_texts("name")}) AS value FROM
            (SELECT identity, unnest(json_keys(identity)) AS name FROM ({sharer.leavers}) AS leavers
                WHERE identity IS NOT NULL) AS named"""
    keys = f"""SELECT DISTINCT value || chr(31) || kind || chr(31) || {sql_text(place)} AS k FROM ({leaving}) AS keys"""
    return f"""SELECT {number}, k FROM decided SEMI JOIN ({keys}) AS leaving USING (k)
        WHERE {_ENTRY} AND place IS NOT DISTINCT FROM {_text(sharer.place)}"""


def _write_rows(cursor: Cursor, sides: Sides, out: Path) -> int:
    """Write the rows of the holdings that change without a call, as a delta. Returns their number."""
    changed = f"""SELECT h.* REPLACE (CASE WHEN w.drops THEN '{GONE}' ELSE '{Held.LEFT}' END AS held)
        FROM {sides.held} AS h JOIN withheld AS w USING (k) WHERE w.drops OR h.held <> '{Held.LEFT}'"""
    rows = int(fetch_one(cursor, f"SELECT count(*) FROM ({changed}) AS changed")[0])
    if rows:
        query = f"SELECT {SHOWN} FROM ({changed}) AS changed ORDER BY k"
        metadata = format_metadata(FileFormat.OUTCOME)
        cursor.execute(copy_to(query, out, narrow=False, metadata=metadata))
    return rows


def _count(cursor: Cursor, sides: Sides, reason: LeftOut, table: str) -> None:
    found = int(fetch_one(cursor, f"SELECT count(DISTINCT k) FROM {table}")[0])
    if found:
        sides.left_out[reason.value] = found


def _numbers(cursor: Cursor, query: str) -> set[int]:
    return {number for (number,) in cursor.execute(query).fetchall()}


def _text(place: str | None) -> str:
    return "NULL" if place is None else sql_text(place)
