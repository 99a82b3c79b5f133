"""Snapshots: writing, compacting and comparing memberships."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from app.domain.phone_numbers import plain_pattern, prefix_pattern
from app.snapshots.engine import (
    Comparison,
    Cursor,
    FileFormat,
    LocalManifest,
    Marks,
    SnapshotStats,
    Upload,
    copy_to,
    fetch_one,
    footers_kept,
    format_metadata,
    key_ranges,
    row_group_weights,
)
from app.snapshots.membership.absent_values import count_absent
from app.snapshots.membership.id_faults import id_faults
from app.snapshots.membership.input_faults import refuse_faulty
from app.snapshots.membership.member_input import member_columns, refused_rows
from app.snapshots.membership.membership import members_relation
from app.snapshots.reading import open_upload


def before_fork() -> None:
    """Read the metadata of phone numbers: that takes longer than reading a small upload."""
    plain_pattern()
    prefix_pattern()


def write_snapshot(
    cursor: Cursor,
    upload: Upload,
    out: Path,
    *,
    linked: bool,
    former: LocalManifest | None = None,
) -> SnapshotStats:
    """Write a membership as a sorted file. Raises Invalid, with row and column, for faults.

    Traits keep their types of the ``former`` membership if all values fit.
    """
    try:
        before = members_relation(cursor, former) if former else None
        with open_upload(cursor, upload, out) as source:
            columns = member_columns(cursor, source, linked=linked, former=before)
            marks = Marks(frozenset(columns.spelled), upload.absent_words, beside=columns.beside)
            metadata = format_metadata(FileFormat.MEMBERS, marks=marks)
            rows = f"(SELECT {columns.select} FROM {source.sql})"
            keys = refused_rows(columns, upload, linked=linked)
            refused = (
                fetch_one(cursor, f"SELECT count(*) FROM {rows} WHERE {keys}")[0] if keys else 0
            )
            query = (
                f"SELECT * FROM {rows} WHERE {f'NOT {keys}' if keys else 'true'} ORDER BY member_id"
            )
            cursor.execute(copy_to(query, out, narrow=columns.narrow, metadata=metadata))
            refuse_faulty(cursor, source, columns, id_faults(out))
            absent = count_absent(cursor, out, columns, upload.absent_words)
            reading = source.report(columns.read, absent, refused)
        return SnapshotStats(
            _rows(out),
            columns.traits,
            columns.identifiers,
            columns.changes,
            reading,
            absent,
            refused,
        )
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def compact_members(cursor: Cursor, manifest: LocalManifest, out: Path) -> SnapshotStats:
    """Write base and deltas as one file."""
    whole = members_relation(cursor, manifest)
    narrow = len(whole.columns) <= 2
    cursor.execute(
        copy_to(
            f"SELECT * FROM {whole.sql} ORDER BY member_id",
            out,
            narrow=narrow,
            metadata=format_metadata(FileFormat.MEMBERS, marks=whole.marks),
        )
    )
    traits = {trait: str(kind) for trait, kind in whole.traits.items()}
    return SnapshotStats(_rows(out), traits, whole.identifiers)


def compare_members(cursor: Cursor, old: LocalManifest | None, new: LocalManifest) -> Comparison:
    """Count the members who entered and exited between two snapshots, one key range after another."""
    after = count_members(cursor, new)
    if old is None:
        return Comparison(after, 0, after)
    before, stayed = count_members(cursor, old), 0
    sides = [members_relation(cursor, one).sql for one in (new, old)]
    weights = [row_group_weights((*one.base, *one.deltas), "member_id") for one in (new, old)]
    ranges = key_ranges(weights)
    with footers_kept(cursor, ranges):
        for span in ranges:
            ids = [
                f"(SELECT member_id FROM {side} AS members WHERE {span.holds('member_id')})"
                for side in sides
            ]
            both = (
                f"SELECT count(*) FROM {ids[0]} AS new SEMI JOIN {ids[1]} AS old USING (member_id)"
            )
            stayed += fetch_one(cursor, both)[0]
    return Comparison(after - stayed, before - stayed, after)


def count_members(cursor: Cursor, manifest: LocalManifest) -> int:
    """Count the members of a membership."""
    if not manifest.deltas:
        return sum(_rows(path) for path in manifest.base)
    row = fetch_one(cursor, f"SELECT count(*) FROM {members_relation(cursor, manifest).sql}")
    return int(row[0])
