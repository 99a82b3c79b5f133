"""Stored files, written again without a person.

A row that is the person's is removed. In a plan and in an outcome, whose rows have numbers, it stays as an empty row under the key
``erased-<row>``. A value of another row that mentions the person becomes NULL.
"""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.normalise import folded_sql
from app.domain.persons import Person, is_id_column
from app.snapshots.engine import Cursor, copy_to, fetch_one, sql_name, sql_text, stored_schema
from app.snapshots.erasure.names import either, in_texts
from app.snapshots.holdings import PROFILE, VALUE
from app.snapshots.membership import REMOVED

_NUMBER = "file_row_number"
#: Of an emptied row: what stays. All other columns become NULL.
_KEPT = {"row", "kind", "place", "batch", "disposition", "sync_number", "wanted", "old_held"}
_FORMER = ("old_profile_id", "old_member_id", "old_identity")


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased from a file: the person's rows, and other rows of which values mentioned the person; its rows now."""

    removed: int
    changed: int
    rows: int


@dataclass(frozen=True, slots=True)
class _Search:
    """The conditions under which a row is the person's, and those under which a value mentions the person, by column.

    ``leaves``: that a row of the person stays as one that says that its entity left: without it, an earlier file would have the
    entity again, with the profile that it had before.
    """

    is_persons: str
    mentions: dict[str, str]
    leaves: str = "false"


def erase_person(
    cursor: Cursor, path: Path, person: Person, out: Path, *, table: bool
) -> Erased | None:
    """Write a Parquet file without a person to ``out``. Returns None, and writes nothing, if the file does not name the person.

    ``table``: a table of the user, such as a dataset, of which the columns have any names and meanings.
    """
    columns = {field.name: field.type for field in pq.read_schema(path)}
    search = _search(cursor, path, columns, person, table=table)
    removed, changed = _counts(cursor, search, path)
    if not removed and not changed:
        return None
    query = _without(columns, search, _source(path))
    metadata = {
        name.decode(): value.decode()
        for name, value in (stored_schema(path).metadata or {}).items()
        if name.startswith(b"activations.")
    }
    try:
        cursor.execute(copy_to(query, out, narrow=False, metadata=metadata))
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return Erased(removed, changed, int(pq.read_metadata(out).num_rows))


def _search(
    cursor: Cursor, path: Path, columns: dict[str, pa.DataType], person: Person, *, table: bool
) -> _Search:
    """Return the conditions for a file. Only columns that have a name somewhere in a text get one: the exact search is slow to prepare."""
    texts = [column for column, kind in columns.items() if _may_hold_text(kind, person)]
    mentioning: frozenset[str] = frozenset()
    if texts and person.anywhere:
        found = ", ".join(f"bool_or({_has_name(column, person)})" for column in texts)
        row = fetch_one(cursor, f"SELECT {found} FROM {_source(path)}")
        mentioning = frozenset(column for column, is_in in zip(texts, row, strict=True) if is_in)
    of_file = _of_table if table else _of_stored
    return of_file(columns, mentioning, person)


def _source(path: Path) -> str:
    return f"read_parquet({sql_text(str(path))}, {_NUMBER} = true)"


def _counts(cursor: Cursor, search: _Search, path: Path) -> tuple[int, int]:
    """Count the person's rows, and other rows that mention the person."""
    mentions = either(f"coalesce({condition}, false)" for condition in search.mentions.values())
    mine, others = fetch_one(
        cursor,
        f"""SELECT count(*) FILTER (mine), count(*) FILTER (NOT mine AND others) FROM
        (SELECT coalesce({search.is_persons}, false) AS mine, {mentions} AS others FROM {_source(path)})""",
    )
    return int(mine), int(others)


def names_person(cursor: Cursor, path: Path, person: Person, *, table: bool) -> bool:
    """Return whether a file names a person. True, too, if it is no Parquet file: an upload of an older version of the service."""
    try:
        columns = {field.name: field.type for field in pq.read_schema(path)}
    except pa.ArrowInvalid:
        return True
    search = _search(cursor, path, columns, person, table=table)
    return any(_counts(cursor, search, path))


def _without(columns: dict[str, pa.DataType], search: _Search, source: str) -> str:
    """Return the query of the rows that stay, in their order."""
    mine = f"coalesce({search.is_persons}, false)"
    numbered = "row" in columns and "k" in columns
    leaves = search.leaves != "false"
    kept = _KEPT if numbered else {"member_id"} if leaves else columns.keys()
    shown = []
    for column in columns:
        name = sql_name(column)
        value = name
        if column in search.mentions:
            value = (
                f"CASE WHEN coalesce({search.mentions[column]}, false) THEN NULL ELSE {name} END"
            )
        if numbered and column == "k":
            value = f"CASE WHEN {mine} THEN concat('erased-', \"row\") ELSE {name} END"
        elif leaves and column == REMOVED:
            value = f"{name} OR {mine}"
        elif column not in kept:
            value = f"CASE WHEN {mine} THEN NULL ELSE {value} END"
        shown.append(f"{value} AS {name}")
    stays = f'NOT {mine} OR "row" IS NOT NULL' if numbered else f"NOT {mine} OR {search.leaves}"
    return f"SELECT {', '.join(shown)} FROM {source} WHERE {stays} ORDER BY {_NUMBER}"


def _of_stored(
    columns: dict[str, pa.DataType], mentioning: frozenset[str], person: Person
) -> _Search:
    """Return the conditions for files of members, plans, outcomes and holdings."""
    if "k" in columns:
        mine = either([in_texts(PROFILE, person.ids), in_texts(VALUE, person.values)])
        if "place" not in columns:  # version 1
            mine = mine.replace("place", "arm")
        own = {"k", "row", "kind", "place", "key_type", "batch", "disposition", "old_held", "held"}
        mentions = {
            column: _mention(column, person)
            for column in columns
            if column in mentioning and column not in own
        }
        former = either(in_texts(name, person.ids) for name in _FORMER[:2] if name in columns)
        mentions |= {
            name: either([former, mentions.get(name, "false")])
            for name in _FORMER
            if name in columns
        }
        return _Search(mine, mentions)
    profile = "profile_id" if "profile_id" in columns else "member_id"
    identifiers = [column for column in columns if column.startswith("id_")]
    mine = either(
        [
            in_texts(profile, person.ids),
            *(_has_element(column, person.values) for column in identifiers),
        ]
    )
    return _Search(
        mine,
        {
            column: _mention(column, person)
            for column in columns
            if column in mentioning and column not in {"member_id", "profile_id"}
        },
        f"NOT {in_texts('member_id', person.texts)}"
        if {REMOVED, "profile_id"} <= columns.keys()
        else "false",
    )


def _of_table(
    columns: dict[str, pa.DataType], mentioning: frozenset[str], person: Person
) -> _Search:
    """Return the conditions for a table of the user: a row is the person's if a column has one of the names."""
    distinctive = person.anywhere
    conditions, mentions = [], {}
    for column, kind in columns.items():
        texts = sorted({*distinctive, *person.texts}) if is_id_column(column) else distinctive
        if _is_list_of_texts(kind):
            conditions.append(_has_element(column, texts))
        elif not pa.types.is_nested(kind) and not pa.types.is_floating(kind):
            conditions.append(in_texts(f"CAST({sql_name(column)} AS VARCHAR)", texts))
            conditions.append(_is_number(column, distinctive))
        if column in mentioning:
            mentions[column] = _mention(column, person)
    return _Search(either(conditions), mentions)


def _is_number(column: str, texts: Sequence[str]) -> str:
    """Return the condition that a column has one of the phone numbers, written with blanks and signs."""
    numbers = {text.lstrip("+") for text in texts if text.lstrip("+").isdigit()}
    if not numbers:
        return "false"
    digits = f"regexp_replace(CAST({sql_name(column)} AS VARCHAR), '[^0-9]', '', 'g')"
    plain = f"regexp_full_match(CAST({sql_name(column)} AS VARCHAR), '[0-9+()/. -]+')"
    return f"({plain} AND ltrim({digits}, '0') IN ({', '.join(map(sql_text, sorted(numbers)))}))"


def _may_hold_text(kind: pa.DataType, person: Person) -> bool:
    """Return whether a value may contain a name: any type may, also an extension of Arrow such as JSON, except numbers and times.

    A whole number may be a telephone number.
    """
    types = pa.types
    if types.is_integer(kind) or types.is_decimal(kind):
        return any(name.isdigit() for name in person.anywhere)
    return not (
        types.is_floating(kind)
        or types.is_temporal(kind)
        or types.is_boolean(kind)
        or types.is_null(kind)
    )


def _is_list_of_texts(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_string(kind.value_type))


def _has_element(column: str, texts: Sequence[str]) -> str:
    if not texts:
        return "false"
    listed = ", ".join(sql_text(text) for text in texts)
    each = f"list_transform({sql_name(column)}, lambda x: {folded_sql('x')})"
    return f"list_has_any({each}, [{listed}])"


def _text(column: str) -> str:
    return f"lower(CAST({sql_name(column)} AS VARCHAR))"


def _has_name(column: str, person: Person) -> str:
    """Return the condition that a distinctive name is somewhere in a value, also as a part of a longer name. It is cheap."""
    return either(f"contains({_text(column)}, {sql_text(name)})" for name in person.anywhere)


def _mention(column: str, person: Person) -> str:
    """Return the condition that a value mentions the person."""
    exact = f"regexp_matches({_text(column)}, {sql_text(person.pattern)})"
    return f"CASE WHEN {_has_name(column, person)} THEN {exact} ELSE false END"
