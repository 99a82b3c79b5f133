"""Membership files as one relation.

File columns: ``member_id`` (sorted), ``profile_id`` (absent if it equals ``member_id``), ``id_<type> VARCHAR[]``,
``t_<trait>``, ``ent_<relationship>``. A delta also has ``_removed``.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from app.domain.column_names import matching
from app.domain.text_forms import ascii_lowered
from app.snapshots.engine import (
    Cursor,
    LocalManifest,
    Marks,
    column_types,
    marks_of,
    numbered_relation,
    sql_name,
    stored_relation,
    stored_schema,
)

#: Input columns that hold identifiers; every other column is a trait.
IDENTIFIERS = (
    "email",
    "phone",
    "user_id",
    "anonymous_id",
    "group_id",
    "android.id",
    "android.idfa",
    "android.push_token",
    "ios.id",
    "ios.idfa",
    "ios.push_token",
    "cross_domain_id",
    "ga_client_id",
)

REMOVED = "_removed"


@dataclass(frozen=True, slots=True)
class Members:
    """A membership as a relation (a parenthesised query) with its columns and their engine types."""

    sql: str
    columns: dict[str, Any]
    marks: Marks = field(default_factory=Marks)

    @property
    def identifiers(self) -> list[str]:
        """Identifier types of the files."""
        return [column[3:] for column in self.columns if column.startswith("id_")]

    @property
    def traits(self) -> dict[str, Any]:
        """Types by trait name."""
        return {
            column[2:]: kind for column, kind in self.columns.items() if column.startswith("t_")
        }

    def trait(self, name: str) -> str | None:
        """Return the trait that a name means: the exact one, else the only one in another spelling, else None."""
        found = matching(name, self.traits)
        return found[0] if len(found) == 1 else None

    @property
    def entities(self) -> dict[str, Any]:
        """Types of entities by relationship."""
        return {
            column[4:]: kind for column, kind in self.columns.items() if column.startswith("ent_")
        }

    @property
    def profile(self) -> str:
        """SQL expression of a row's profile id."""
        return "profile_id" if "profile_id" in self.columns else "member_id"


def members_relation(cursor: Cursor, manifest: LocalManifest) -> Members:
    """Return the membership of a manifest as a relation. An empty manifest has no rows."""
    if not manifest.base and not manifest.deltas:
        return Members("(SELECT '' AS member_id WHERE false)", {"member_id": None})
    columns = column_types(
        cursor, f"SELECT * FROM {stored_relation((*manifest.base, *manifest.deltas))}"
    )
    columns.pop(REMOVED, None)
    marks = marks_of((*manifest.base, *manifest.deltas))
    if not manifest.deltas:
        return Members(f"(SELECT * FROM {stored_relation(manifest.base)})", columns, marks)
    return Members(_with_deltas(cursor, manifest, columns), columns, marks)


def _with_deltas(cursor: Cursor, manifest: LocalManifest, columns: dict[str, Any]) -> str:
    # Most changes have the same columns, and asking the engine for the types of each takes milliseconds.
    shown_of: dict[pa.Schema, str] = {}
    parts = []
    forms = [stored_schema(path).remove_metadata() for path in manifest.deltas]
    for number, (path, form) in enumerate(zip(manifest.deltas, forms, strict=True)):
        if form not in shown_of:
            shown_of[form] = _shown(cursor, [path], columns)
        source = stored_relation([path])
        parts.append(f"SELECT {shown_of[form]}, {REMOVED}, {number} AS _number FROM {source}")
    if len(shown_of) == 1:
        source = numbered_relation(manifest.deltas)
        parts = [f"SELECT {shown_of[forms[0]]}, {REMOVED}, _number FROM {source}"]
    numbered = " UNION ALL ".join(parts)
    shown = ", ".join(sql_name(column) for column in columns)
    latest = f"""SELECT {shown} FROM (SELECT * FROM ({numbered}) AS numbered
        QUALIFY row_number() OVER (PARTITION BY member_id ORDER BY _number DESC) = 1) AS latest
        WHERE NOT {REMOVED}"""
    if not manifest.base:
        return f"({latest})"
    # An outer join, unlike ANTI JOIN, lets the engine apply a key range to the deltas, too.
    touched = f"SELECT member_id AS id FROM {stored_relation(manifest.deltas)}"
    return f"""(SELECT {_shown(cursor, manifest.base, columns)} FROM {stored_relation(manifest.base)} AS base
        LEFT JOIN ({touched}) AS touched ON base.member_id = touched.id WHERE touched.id IS NULL
        UNION ALL {latest})"""


def _as_type(column: str, was: str, kind: str) -> str:
    """Return the expression of a stored column in the membership's type. A text is no JSON: rows that were replaced may have one."""
    if was == kind:
        return column
    return (
        f"to_json({column})" if (was, kind) == ("VARCHAR", "JSON") else f"CAST({column} AS {kind})"
    )


def _shown(cursor: Cursor, paths: Sequence[Path], columns: dict[str, Any]) -> str:
    """Select all columns of the membership from some of its files: NULL for a column that these do not have."""
    found = column_types(cursor, f"SELECT * FROM {stored_relation(paths)}")
    there = {
        ascii_lowered(column): str(kind) for column, kind in found.items()
    }  # so the engine finds them
    parts = []
    for column, kind in columns.items():
        if (was := there.get(ascii_lowered(column))) is not None:
            parts.append(f"{_as_type(sql_name(column), was, str(kind))} AS {sql_name(column)}")
        elif column == "profile_id":
            parts.append("member_id AS profile_id")
        else:
            parts.append(f"CAST(NULL AS {kind}) AS {sql_name(column)}")
    return ", ".join(parts)
