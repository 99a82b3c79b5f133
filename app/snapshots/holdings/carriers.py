"""Carriers: the wanted and held rows of a place that carry some identifiers."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.changes import ChangeKind
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    LocalManifest,
    asked_rows,
    sql_text,
    stored_relation,
)
from app.snapshots.holdings.holding_rows import HELD, VALUE, holdings_relation

Identifier = tuple[str, str]  # name and value
_IDENTIFIER = ("name", "value")
_MOST = 3  # rows that are returned for an identifier


@dataclass(frozen=True, slots=True)
class PlaceFiles:
    """What one activation has at a place: its holdings, its open plan, and the place as these files write it.

    ``exits_first``: the exits of the plan are recorded before its entries are sent.
    """

    holdings: LocalManifest
    plan: Path | None
    place: str | None
    exits_first: bool = False


def find_carriers(
    cursor: Cursor, files: Sequence[PlaceFiles], identifiers: Collection[Identifier]
) -> dict[Identifier, list[Identifier]]:
    """Return the keys ``(type, value)`` of up to three rows that carry an identifier, for each that any row carries.

    Rows are those held at the place, and those that a plan enters or updates there. Keys that are the identifier come
    first.
    """
    names = sorted({name for name, _ in identifiers})
    if not names:
        return {}
    query = _carriers(" UNION ALL ".join(map(_rows, files)), names)
    found: dict[Identifier, list[Identifier]] = {}
    with asked_rows(cursor, _IDENTIFIER, identifiers):
        for name, value, key_type, key in cursor.execute(query).fetchall():
            found.setdefault((name, value), []).append((key_type, key))
    return found


def find_shared(
    cursor: Cursor,
    files: Sequence[PlaceFiles],
    names: Sequence[str],
    most: int,
    among: Collection[Identifier] | None = None,
) -> list[Identifier]:
    """Return up to ``most`` identifiers that two or more rows carry, one of them beside its key.

    Rows are those of ``find_carriers``, except those that leave before anything enters. ``among``: only these identifiers.
    """
    rows = " UNION ALL ".join(_rows(one, leaving=not one.exits_first) for one in files)
    chosen = " SEMI JOIN asked USING (name, value)" if among is not None else ""
    query = f"""WITH rows AS MATERIALIZED ({rows}),
        others AS MATERIALIZED (SELECT DISTINCT type, key, name, value FROM
            ({" UNION ALL ".join(map(_beside_key, names))}) AS carried{chosen}
            WHERE name <> type AND value IS NOT NULL)
        SELECT name, value FROM others GROUP BY name, value HAVING count(*) > 1
        UNION SELECT name, value FROM others
            SEMI JOIN (SELECT type AS name, key AS value FROM rows) AS keys USING (name, value)
        LIMIT {most:d}"""
    with asked_rows(cursor, _IDENTIFIER, among or ()):
        return [(name, value) for name, value in cursor.execute(query).fetchall()]


def find_shared_ids(
    cursor: Cursor, files: Sequence[PlaceFiles], partner_ids: Collection[str]
) -> list[str]:
    """Return those of the partner's ids that two or more held rows have: the partner has one profile for all of them."""
    rows = " UNION ALL ".join(
        f"SELECT k, partner_id FROM {_held(one)} AND partner_id IS NOT NULL AND {_here(one)}"
        for one in files
    )
    query = f"""SELECT partner_id FROM ({rows}) AS rows SEMI JOIN asked USING (partner_id)
        GROUP BY partner_id HAVING count(DISTINCT k) > 1"""
    with asked_rows(cursor, ("partner_id",), [(one,) for one in partner_ids]):
        return [value for (value,) in cursor.execute(query).fetchall()]


def _here(files: PlaceFiles) -> str:
    return "place IS NULL" if files.place is None else f"place = {sql_text(files.place)}"


def _held(files: PlaceFiles) -> str:
    return f"{holdings_relation(files.holdings)} AS held WHERE {HELD}"


def _rows(files: PlaceFiles, *, leaving: bool = True) -> str:
    """Return the query of the rows of some files. Without ``leaving``, the rows that the plan exits are left out."""
    columns = f"k, coalesce(key_type, '{MEMBER}') AS type, {VALUE} AS key, identity"
    held = _held(files)
    if files.plan is None:
        parts = [held]
    else:
        planned = f"{stored_relation([files.plan])} AS planned WHERE"
        if not leaving:
            held += f" AND k NOT IN (SELECT k FROM {planned} kind = '{ChangeKind.EXITED}')"
        parts = [held, f"{planned} kind IN ('{ChangeKind.ENTERED}', '{ChangeKind.UPDATED}')"]
    return " UNION ALL ".join(f"SELECT {columns} FROM {part} AND {_here(files)}" for part in parts)


def _carriers(rows: str, names: Sequence[str]) -> str:
    carried = " UNION ALL ".join(_carried(name) for name in names)
    return f"""WITH rows AS MATERIALIZED ({rows}), carried AS ({carried})
        SELECT name, value, type, key FROM asked JOIN carried USING (name, value)
        GROUP BY name, value, type, key
        QUALIFY row_number() OVER (PARTITION BY name, value ORDER BY type = name AND key = value DESC, key) <= {_MOST}
        ORDER BY name, value, type = name AND key = value DESC, key"""


def _carried(name: str) -> str:
    """Return the query of the values that rows carry under a name: as their key, or in their identity."""
    shown = sql_text(name)
    return f"""SELECT type, key, {shown} AS name, key AS value FROM rows WHERE type = {shown}
        UNION ALL {_beside_key(name)}"""


def _beside_key(name: str) -> str:
    """Return the query of the values that rows have under a name in their identity."""
    pointer = sql_text("/" + name.replace("~", "~0").replace("/", "~1"))
    several = f"from_json(json_extract(identity, {pointer}), '[\"VARCHAR\"]')"
    values = f"""CASE WHEN json_type(identity, {pointer}) = 'ARRAY' THEN {several}
        ELSE [json_extract_string(identity, {pointer})] END"""
    return f"""SELECT type, key, {sql_text(name)} AS name, unnest({values}) AS value FROM rows
        WHERE identity IS NOT NULL"""
