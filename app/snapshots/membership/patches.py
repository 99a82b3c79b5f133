"""Check of a change of single members, by the code that applies it later."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.snapshots.engine import (
    Cursor,
    FileFormat,
    LocalManifest,
    copy_to,
    format_metadata,
)
from app.snapshots.membership.deltas import write_delta
from app.snapshots.membership.membership import members_relation


def check_patch(
    cursor: Cursor,
    add: Path | None,
    remove: Sequence[str],
    current: LocalManifest,
    scratch: Path,
    *,
    linked: bool,
) -> None:
    """Raise Invalid if the change would fail. Reads the columns of the current membership, not its rows.

    ``add`` has NDJSON rows. ``scratch`` is a path for temporary files.
    """
    empty = scratch.with_name(f"{scratch.name}.empty")
    try:
        base = LocalManifest()
        if current.base or current.deltas:
            whole = members_relation(cursor, current)
            cursor.execute(
                copy_to(
                    f"SELECT * FROM {whole.sql} LIMIT 0",
                    empty,
                    narrow=True,
                    metadata=format_metadata(FileFormat.MEMBERS),
                )
            )
            base = LocalManifest(base=(empty,))
        write_delta(cursor, add, remove, base, scratch, linked=linked)
    finally:
        empty.unlink(missing_ok=True)
        scratch.unlink(missing_ok=True)
