"""Deltas: changes of single members, written as a file over the current membership."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.domain.column_names import spellings
from app.domain.refused_keys import RefusedKeys
from app.domain.text_forms import lowered, trimmed
from app.snapshots.engine import (
    Counts,
    Cursor,
    FileFormat,
    LocalManifest,
    Marks,
    TypeChange,
    Upload,
    copy_to,
    fetch_one,
    format_metadata,
    sql_name,
    sql_text,
)
from app.snapshots.membership.absent_values import count_absent
from app.snapshots.membership.id_faults import id_faults
from app.snapshots.membership.input_faults import refuse_faulty
from app.snapshots.membership.member_input import MemberColumns, member_columns, refused_rows
from app.snapshots.membership.membership import IDENTIFIERS, REMOVED, Members, members_relation
from app.snapshots.reading import Source, open_upload

_TOMBSTONES = "tombstones"
_SPELLED = ("t_", "ent_")  # columns whose names are the user's


@dataclass(frozen=True, slots=True)
class DeltaStats:
    """A written delta: its rows, and the changes that it makes to the membership.

    ``changes`` (of types), ``absent`` and ``refused`` as in SnapshotStats.
    """

    rows: int
    entered: int
    exited: int
    members: int
    traits: dict[str, str]
    identifiers: list[str]
    changes: Sequence[TypeChange] = ()
    absent: Counts = field(default_factory=dict)
    refused: int = 0


def write_delta(
    cursor: Cursor,
    add: Path | None,
    remove: Sequence[str],
    base: LocalManifest,
    out: Path,
    *,
    linked: bool = False,
    absent_words: frozenset[str] = frozenset(),
    refused: RefusedKeys | None = None,
    members: int | None = None,
) -> DeltaStats:
    """Write a change of single members as a delta over ``base``.

    ``add`` has NDJSON rows that replace whole members, ``remove`` has member ids. Raises Invalid for faulty rows, and if
    a member is in both. ``absent_words`` are the space's own words for "no value". Rows with ``refused`` keys are left out,
    and such members leave.
    ``members``: how many members ``base`` has, if it is known.
    """
    old = members_relation(cursor, base)
    try:
        _stage_tombstones(cursor, remove)
        columns, left_out = None, 0
        if add is None:
            query = f"SELECT * FROM {_TOMBSTONES} ORDER BY member_id"
            cursor.execute(
                copy_to(query, out, narrow=True, metadata=format_metadata(FileFormat.MEMBERS))
            )
        else:
            upload = Upload(add, "ndjson", absent_words=absent_words, refused=refused)
            columns, left_out = _write_additions(cursor, upload, old, out, linked=linked)
        absent = count_absent(cursor, out, columns, absent_words) if columns else {}
        return replace(
            _delta_stats(cursor, old, columns, out, members), absent=absent, refused=left_out
        )
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    finally:
        cursor.execute(f"DROP TABLE IF EXISTS {_TOMBSTONES}")


def _stage_tombstones(cursor: Cursor, remove: Sequence[str]) -> None:
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE {_TOMBSTONES} (member_id VARCHAR, {REMOVED} BOOLEAN)"
    )
    if remove:
        insert = f"INSERT INTO {_TOMBSTONES} SELECT DISTINCT unnest($ids), true"
        cursor.execute(insert, {"ids": [trimmed(member) for member in remove]})


def _write_additions(
    cursor: Cursor, upload: Upload, old: Members, out: Path, *, linked: bool
) -> tuple[MemberColumns, int]:
    with open_upload(cursor, upload, out) as opened:
        source = _as_spelled(opened, old)
        columns = member_columns(cursor, source, linked=linked, like=old)
        marks = Marks(
            frozenset(columns.spelled),
            upload.absent_words,
            beside=columns.beside - _spelled_ids(old),
        )
        metadata = format_metadata(FileFormat.MEMBERS, marks=marks)
        rows = f"(SELECT {columns.select}, false AS {REMOVED} FROM {source.sql})"
        keys = refused_rows(columns, upload, linked=linked)
        left_out = fetch_one(cursor, f"SELECT count(*) FROM {rows} WHERE {keys}")[0] if keys else 0
        gone = _refused_members(rows, keys, old) if keys else f"SELECT * FROM {_TOMBSTONES}"
        query = f"""SELECT * FROM {rows} WHERE {f"NOT {keys}" if keys else "true"}
            UNION ALL BY NAME {gone} ORDER BY member_id"""
        cursor.execute(copy_to(query, out, narrow=columns.narrow, metadata=metadata))
        refuse_faulty(cursor, source, columns, id_faults(out), removed=True)
    return columns, left_out


def _spelled_ids(old: Members) -> frozenset[str]:
    """Return the identifiers that the membership has from a column in another spelling: it stays theirs."""
    read = {name for name in old.identifiers if spellings(name, old.traits)}
    return frozenset(read - old.marks.beside)


def _refused_members(rows: str, keys: str, old: Members) -> str:
    """Return the query of the tombstones, with those of members whose new row is refused: no upload would have them."""
    return f"""(SELECT * FROM {_TOMBSTONES} UNION ALL BY NAME SELECT member_id, true AS {REMOVED} FROM
        (SELECT member_id FROM {rows} WHERE {keys}) AS refused SEMI JOIN {old.sql} AS known USING (member_id))"""


def _as_spelled(source: Source, old: Members) -> Source:
    """Return the rows with the membership's spelling of traits and entities, if theirs differs in case only.

    Exact names of ids and identifiers stay.
    """
    names = [column.removeprefix("t_") for column in old.columns if column.startswith(_SPELLED)]
    known = {lowered(name): name for name in names}

    def spelled(column: str) -> str:
        is_exact = column in {*IDENTIFIERS, "profile_id", "entity_id", *names}
        return column if is_exact else known.get(lowered(column), column)

    if all(spelled(name) == name for name in source.columns):
        return source
    shown = ", ".join(f"{sql_name(name)} AS {sql_name(spelled(name))}" for name in source.columns)
    return replace(
        source,
        sql=f"(SELECT {shown} FROM {source.sql})",
        columns={spelled(column): kind for column, kind in source.columns.items()},
        replaced={spelled(column): found for column, found in source.replaced.items()},
    )


def _delta_stats(
    cursor: Cursor,
    old: Members,
    columns: MemberColumns | None,
    out: Path,
    before: int | None,
) -> DeltaStats:
    delta = f"read_parquet({sql_text(str(out))})"
    if before is None:
        before = int(fetch_one(cursor, f"SELECT count(*) FROM {old.sql}")[0])
    rows, added = fetch_one(
        cursor, f"SELECT count(*), count(*) FILTER (NOT {REMOVED}) FROM {delta}"
    )
    # Rows of the membership are sought by those of the delta, which are few: the other way round, all of them go into a table.
    known, exited = fetch_one(
        cursor,
        f"""SELECT count(*) FILTER (NOT {REMOVED}), count(*) FILTER ({REMOVED})
        FROM (SELECT member_id FROM {old.sql}) AS o JOIN {delta} AS d USING (member_id)""",
    )
    entered = added - known
    return DeltaStats(
        rows,
        entered,
        exited,
        before + entered - exited,
        dict(columns.traits) if columns else {},
        list(columns.identifiers) if columns else [],
        columns.changes if columns else (),
    )
