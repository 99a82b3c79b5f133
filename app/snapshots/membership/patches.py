"""Check of a change of single members, by the code that applies it later."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.domain.column_names import find_column, spellings
from app.domain.text_forms import lowered
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

_EXACT = {*IDENTIFIERS, "profile_id", "entity_id"}


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
            known = members_relation(cursor, current)
            none = ", ".join(
                f"CAST(NULL AS {kind}) AS {sql_name(name)}" for name, kind in known.columns.items()
            )
            cursor.execute(
                copy_to(
                    f"SELECT {none} WHERE false",
                    empty,
                    narrow=True,
                    metadata=format_metadata(FileFormat.MEMBERS, marks=known.marks),
                )
            )
            base = LocalManifest(base=(empty,))
        write_delta(cursor, add, remove, base, scratch, linked=linked, absent_words=absent_words)
    finally:
        empty.unlink(missing_ok=True)
        scratch.unlink(missing_ok=True)


def in_one_spelling(
    changes: Sequence[Sequence[Mapping[str, Any]]],
    *,
    linked: bool,
    beside: Collection[str] = (),
) -> list[list[dict[str, Any]]]:
    """Return the rows of several changes with one spelling of each name, so that they can be combined.

    If the changes spell the name of an id or identifier differently, the rows get the exact name. Of traits, whose names may
    differ in case only, the first spelling counts. ``beside``: identifiers of which other spellings are traits (``Marks``).
    """
    columns = [list(dict.fromkeys(column for row in rows for column in row)) for rows in changes]
    every = list(dict.fromkeys(column for names in columns for column in names))
    first: dict[str, str] = {}
    alike = {
        column: first.setdefault(lowered(column), column)
        for column in every
        if column not in _EXACT
    }
    renamed: list[dict[str, str]] = [{} for _ in changes]
    for name in (*(("entity_id",) if linked else ()), "profile_id", *IDENTIFIERS):
        if name not in beside and len(spellings(name, every)) > 1:
            for names, own in zip(renamed, columns, strict=True):
                if (column := find_column(name, own)) is not None:
                    names[column] = name
    return [
        [_renamed(row, names, alike) for row in rows]
        for names, rows in zip(renamed, changes, strict=True)
    ]


def _renamed(
    row: Mapping[str, Any], names: Mapping[str, str], alike: Mapping[str, str]
) -> dict[str, Any]:
    """Return a row with other names. A number or an object in another spelling of an identifier stays a trait there."""
    found: dict[str, Any] = {}
    for column, value in row.items():
        name = names.get(column) or alike.get(column, column)
        if name != column and name in IDENTIFIERS and not isinstance(value, str | list | None):
            found[alike[column]] = value
            value = None  # without the exact name, two other spellings would be ambiguous
        found[name] = value
    return found
