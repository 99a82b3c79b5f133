"""Check of a change of single members, by the code that applies it later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.domain.column_names import find_column, spellings
from app.snapshots.engine import (
    Cursor,
    FileFormat,
    LocalManifest,
    copy_to,
    format_metadata,
    sql_name,
)
from app.snapshots.membership.deltas import write_delta
from app.snapshots.membership.membership import IDENTIFIERS, members_relation


def check_patch(
    cursor: Cursor,
    add: Path | None,
    remove: Sequence[str],
    current: LocalManifest,
    scratch: Path,
    *,
    linked: bool,
    absent_words: frozenset[str] = frozenset(),
) -> None:
    """Raise Invalid if the change would fail. Reads the columns of the current membership, not its rows.

    ``add`` has NDJSON rows. ``scratch`` is a path for temporary files.
    """
    empty = scratch.with_name(f"{scratch.name}.empty")
    try:
        base = LocalManifest()
        if current.base or current.deltas:
            columns = members_relation(cursor, current).columns.items()
            none = ", ".join(f"CAST(NULL AS {kind}) AS {sql_name(name)}" for name, kind in columns)
            cursor.execute(
                copy_to(
                    f"SELECT {none} WHERE false",
                    empty,
                    narrow=True,
                    metadata=format_metadata(FileFormat.MEMBERS),
                )
            )
            base = LocalManifest(base=(empty,))
        write_delta(cursor, add, remove, base, scratch, linked=linked, absent_words=absent_words)
    finally:
        empty.unlink(missing_ok=True)
        scratch.unlink(missing_ok=True)


def in_one_spelling(
    changes: Sequence[Sequence[Mapping[str, Any]]], *, linked: bool
) -> list[list[dict[str, Any]]]:
    """Return the rows of several changes with one spelling of each id and identifier, so that they can be combined.

    If the changes spell a name differently, the rows get the exact name.
    """
    columns = [list(dict.fromkeys(column for row in rows for column in row)) for rows in changes]
    every = list(dict.fromkeys(column for names in columns for column in names))
    renamed: list[dict[str, str]] = [{} for _ in changes]
    for name in (*(("entity_id",) if linked else ()), "profile_id", *IDENTIFIERS):
        if len(spellings(name, every)) > 1:
            for names, own in zip(renamed, columns, strict=True):
                if (column := find_column(name, own)) is not None:
                    names[column] = name
    return [
        [_renamed(row, names) for row in rows] for names, rows in zip(renamed, changes, strict=True)
    ]


def _renamed(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a row with other names. A number or an object in another spelling of an identifier stays a trait there."""
    found: dict[str, Any] = {}
    for column, value in row.items():
        name = names.get(column, column)
        if name != column and name in IDENTIFIERS and not isinstance(value, str | list | None):
            found[column] = value
            value = None  # without the exact name, two other spellings would be ambiguous
        found[name] = value
    return found
