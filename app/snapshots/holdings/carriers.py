"""Carriers: the wanted and held rows of a place that carry some identifiers."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from app.domain.changes import ChangeKind
from app.snapshots.engine import MEMBER, Cursor, LocalManifest, sql_text, stored_relation
from app.snapshots.holdings.holding_rows import HELD, VALUE, holdings_relation

Identifier = tuple[str, str]  # name and value
_MOST = 3  # rows that are returned for an identifier


@dataclass(frozen=True, slots=True)
class PlaceFiles:
    """What one activation has at a place: its holdings, its open plan, and the place as these files write it."""

    holdings: LocalManifest
    plan: Path | None
    place: str | None


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
    asked = [{"name": name, "value": value} for name, value in identifiers]
    schema = pa.schema({"name": pa.string(), "value": pa.string()})
    cursor.register("asked", pa.Table.from_pylist(asked, schema))
    try:
        query = _carriers(" UNION ALL ".join(map(_rows, files)), names)
        found: dict[Identifier, list[Identifier]] = {}
        for name, value, key_type, key in cursor.execute(query).fetchall():
            found.setdefault((name, value), []).append((key_type, key))
        return found
    finally:
        cursor.unregister("asked")


def _rows(files: PlaceFiles) -> str:
    here = "place IS NULL" if files.place is None else f"place = {sql_text(files.place)}"
    columns = f"k, coalesce(key_type, '{MEMBER}') AS type, {VALUE} AS key, identity"
    parts = [f"{holdings_relation(files.holdings)} AS held WHERE {HELD}"]
    if files.plan is not None:
        entering = f"kind IN ('{ChangeKind.ENTERED}', '{ChangeKind.UPDATED}')"
        parts.append(f"{stored_relation([files.plan])} AS planned WHERE {entering}")
    return " UNION ALL ".join(f"SELECT {columns} FROM {part} AND {here}" for part in parts)


def _carriers(rows: str, names: Sequence[str]) -> str:
    carried = " UNION ALL ".join(_carried(name) for name in names)
    return f"""WITH rows AS MATERIALIZED ({rows}), carried AS ({carried})
        SELECT name, value, type, key FROM asked JOIN carried USING (name, value)
        GROUP BY name, value, type, key
        QUALIFY row_number() OVER (PARTITION BY name, value ORDER BY type = name AND key = value DESC, key) <= {_MOST}
        ORDER BY name, value, type = name AND key = value DESC, key"""


def _carried(name: str) -> str:
    """Return the query of the values that rows carry under a name: as their key, or in their identity."""
    pointer = sql_text("/" + name.replace("~", "~0").replace("/", "~1"))
    several = f"from_json(json_extract(identity, {pointer}), '[\"VARCHAR\"]')"
    values = f"""CASE WHEN json_type(identity, {pointer}) = 'ARRAY' THEN {several}
        ELSE [json_extract_string(identity, {pointer})] END"""
    shown = sql_text(name)
    return f"""SELECT type, key, {shown} AS name, key AS value FROM rows WHERE type = {shown}
        UNION ALL SELECT type, key, {shown}, unnest({values}) FROM rows WHERE identity IS NOT NULL"""
