"""Snapshots: writing a membership, patching it, comparing two, and looking into one."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from app.snapshots.engine import (
    Comparison,
    Cursor,
    LocalManifest,
    SnapshotStats,
    Upload,
    copy_to,
    fetch_one,
    json_object,
    sql_name,
    sql_text,
)
from app.snapshots.membership.id_faults import id_faults
from app.snapshots.membership.member_input import MemberColumns, member_columns, refuse_faulty
from app.snapshots.membership.membership import REMOVED, Members, members_relation
from app.snapshots.reading import open_upload


@dataclass(frozen=True, slots=True)
class DeltaStats:
    """A written delta: its rows, and what it does to the membership."""

    rows: int
    entered: int
    exited: int
    members: int
    traits: dict[str, str]
    identifiers: list[str]


def write_snapshot(cursor: Cursor, upload: Upload, out: Path, *, linked: bool) -> SnapshotStats:
    """Write a membership as a sorted file; ``Invalid`` names row and column of what is wrong in it."""
    try:
        with open_upload(cursor, upload, out) as source:
            columns = member_columns(cursor, source, linked=linked)
            query = f"SELECT {columns.select} FROM {source.sql} ORDER BY member_id"
            cursor.execute(copy_to(query, out, narrow=columns.narrow))
            refuse_faulty(cursor, source, columns, id_faults(out))
        return SnapshotStats(_rows(out), columns.traits, columns.identifiers)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def write_delta(
    cursor: Cursor,
    add: Path | None,
    remove: Sequence[str],
    base: LocalManifest,
    out: Path,
    *,
    linked: bool = False,
) -> DeltaStats:
    """Write the change of single members as a delta to ``base``.

    ``add``: NDJSON rows that take the place of whole members; ``remove``: member ids. None may stand in both.
    """
    old = members_relation(cursor, base)
    tombstones = _tombstones(cursor, remove)
    try:
        if add is None:
            cursor.execute(
                copy_to(f"SELECT * FROM {tombstones} ORDER BY member_id", out, narrow=True)
            )
            columns: MemberColumns | None = None
        else:
            columns = _write_additions(cursor, add, tombstones, old, out, linked=linked)
        return _delta_stats(cursor, old, columns, out)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    finally:
        cursor.execute(f"DROP TABLE IF EXISTS {tombstones}")


def _tombstones(cursor: Cursor, remove: Sequence[str]) -> str:
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE tombstones (member_id VARCHAR, {REMOVED} BOOLEAN)"
    )
    cursor.execute(
        "INSERT INTO tombstones SELECT DISTINCT unnest($ids), true", {"ids": list(remove)}
    ) if remove else None
    return "tombstones"


def _write_additions(
    cursor: Cursor, add: Path, tombstones: str, old: Members, out: Path, *, linked: bool
) -> MemberColumns:
    with open_upload(cursor, Upload(add, "ndjson"), out) as source:
        columns = member_columns(cursor, source, linked=linked, like=old)
        query = f"""SELECT {columns.select}, false AS {REMOVED} FROM {source.sql}
            UNION ALL BY NAME SELECT * FROM {tombstones} ORDER BY member_id"""
        cursor.execute(copy_to(query, out, narrow=columns.narrow))
        refuse_faulty(cursor, source, columns, id_faults(out), removed=True)
    return columns


def _delta_stats(
    cursor: Cursor, old: Members, columns: MemberColumns | None, out: Path
) -> DeltaStats:
    delta = f"read_parquet({sql_text(str(out))})"
    row = fetch_one(
        cursor,
        f"""SELECT (SELECT count(*) FROM {old.sql}), count(*),
            count(*) FILTER (NOT {REMOVED}), count(*) FILTER (NOT {REMOVED} AND known),
            count(*) FILTER ({REMOVED} AND known)
        FROM (SELECT d.{REMOVED}, o.member_id IS NOT NULL AS known FROM {delta} d
            LEFT JOIN (SELECT member_id FROM {old.sql}) o USING (member_id))""",
    )
    before, rows, added, known, exited = row
    entered = added - known
    return DeltaStats(
        rows,
        entered,
        exited,
        before + entered - exited,
        dict(columns.traits) if columns else {},
        list(columns.identifiers) if columns else [],
    )


def compact_members(cursor: Cursor, manifest: LocalManifest, out: Path) -> SnapshotStats:
    """Write base and deltas as one file."""
    whole = members_relation(cursor, manifest)
    narrow = len(whole.columns) <= 2
    cursor.execute(copy_to(f"SELECT * FROM {whole.sql} ORDER BY member_id", out, narrow=narrow))
    traits = {trait: str(kind) for trait, kind in whole.traits.items()}
    return SnapshotStats(_rows(out), traits, whole.identifiers)


def compare_members(cursor: Cursor, old: LocalManifest | None, new: LocalManifest) -> Comparison:
    """How many members came and went between two snapshots."""
    after = _count(cursor, new)
    if old is None:
        return Comparison(after, 0, after)
    before = _count(cursor, old)
    row = fetch_one(
        cursor,
        f"""SELECT count(*) FROM (SELECT member_id FROM {members_relation(cursor, new).sql}) SEMI JOIN
            (SELECT member_id FROM {members_relation(cursor, old).sql}) USING (member_id)""",
    )
    return Comparison(after - row[0], before - row[0], after)


def _count(cursor: Cursor, manifest: LocalManifest) -> int:
    if not manifest.deltas:
        return sum(_rows(path) for path in manifest.base)
    row = fetch_one(cursor, f"SELECT count(*) FROM {members_relation(cursor, manifest).sql}")
    return int(row[0])


def page_rows(
    cursor: Cursor, manifest: LocalManifest, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """Members after a member id, in the order of their ids; see ``find`` for their form."""
    where = f"member_id > {sql_text(after)}" if after is not None else "true"
    return _shown(
        cursor, members_relation(cursor, manifest), f"{where} ORDER BY member_id LIMIT {limit:d}"
    )


def find_row(cursor: Cursor, manifest: LocalManifest, profile_id: str) -> dict[str, Any] | None:
    """One member by its member or profile id, else None.

    ``{"member_id", "profile_id", "identifiers": {type: [values]}, "traits": {…}, "entities": {…}}``
    """
    whole = members_relation(cursor, manifest)
    wanted = f"member_id = {sql_text(profile_id)}"
    if "profile_id" in whole.columns:
        wanted = f"({wanted} OR profile_id = {sql_text(profile_id)})"
    found = _shown(cursor, whole, f"{wanted} ORDER BY member_id LIMIT 1")
    return found[0] if found else None


def _shown(cursor: Cursor, whole: Members, rest: str) -> list[dict[str, Any]]:
    maps = [
        json_object({key: (sql_name(prefix + key), whole.columns[prefix + key]) for key in keys})
        for prefix, keys in (
            ("id_", whole.identifiers),
            ("t_", list(whole.traits)),
            ("ent_", list(whole.entities)),
        )
    ]
    rows = cursor.execute(
        f"SELECT member_id, {whole.profile}, {', '.join(maps)} FROM {whole.sql} WHERE {rest}"
    ).fetchall()
    return [
        {
            "member_id": member,
            "profile_id": profile,
            "identifiers": orjson.loads(identifiers),
            "traits": orjson.loads(traits),
            "entities": orjson.loads(entities),
        }
        for member, profile, identifiers, traits, entities in rows
    ]
