"""Columns of an uploaded membership: ids, identifiers, traits and entities of its members."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import Invalid
from app.domain.column_names import find_column, spellings
from app.snapshots.engine import (
    Cursor,
    ReadColumn,
    TypeChange,
    Upload,
    column_types,
    fetch_values,
    has_refused_key,
    sql_name,
)
from app.snapshots.membership.column_values import (
    holds_texts,
    identifier_sql,
    key_sql,
    not_texts_sql,
    with_empty_columns,
)
from app.snapshots.membership.kept_types import KeptTypes, enlarge, keep_types, known_types
from app.snapshots.membership.membership import IDENTIFIERS, Members
from app.snapshots.membership.read_columns import Roles, read_columns
from app.snapshots.reading import (
    Notation,
    Source,
    is_code,
    long_columns,
    other_notations,
    parquet_trait,
    rows_within,
    typed_columns,
    typed_json_columns,
)


@dataclass(frozen=True, slots=True)
class MemberColumns:
    """The SELECT list over an upload, and the columns that it yields."""

    select: str
    member: str  # the input column of the member: profile_id, or entity_id where linked
    required: tuple[str, ...]
    traits: dict[str, str]
    identifiers: list[str]
    spelled: list[str]  # traits that are text, hashed as the numbers that they spell
    changes: list[TypeChange]
    read: list[ReadColumn]  # in the order of the upload
    not_texts: Mapping[str, int] = field(
        default_factory=dict
    )  # values that are no identifiers, by column
    beside: frozenset[str] = frozenset()  # as in ``Marks``

    @property
    def narrow(self) -> bool:
        """Whether there are only ids."""
        return not self.traits and not self.identifiers


def member_columns(
    cursor: Cursor,
    source: Source,
    *,
    linked: bool,
    like: Members | None = None,
    former: Members | None = None,
) -> MemberColumns:
    """Choose the columns of an upload.

    ``like`` gives traits the types of the current membership; ``former`` does so where all values fit.

    Raises:
        Invalid: a required column is missing or has an unsupported type, or a column is beside one of its members.
    """
    source = with_empty_columns(cursor, source)
    names = ("entity_id", "profile_id") if linked else ("profile_id",)
    required = _required(source, names)
    rest = [column for column in source.columns if column not in required]
    _refuse_two_forms(rest)
    identifiers = identifier_columns(source, rest, like)
    entities = [column for column in rest if linked and column.startswith("ent_")]
    exact = {column for name, column in identifiers.items() if name == column}
    plain = [column for column in rest if column not in {*exact, *entities}]
    kept = _kept(cursor, source, plain, like, former)
    traits = kept.values
    shown = {"member_id": key_sql(source, required[0])}
    if linked:
        shown["profile_id"] = key_sql(source, required[1])
    shown |= {
        "id_" + name: identifier_sql(source, name, column) for name, column in identifiers.items()
    }
    typed = {"t_" + column: value for column, value in traits.items()}
    typed |= _traits(cursor, source, entities, {}) if entities else {}
    kinds = _kinds(cursor, source, typed)
    types = {column: str(kinds["t_" + column]) for column in traits}
    roles = Roles(
        dict(zip(names, required, strict=True)),
        identifiers,
        {column: str(kinds[column]) for column in entities},
        types,
        kept.spelled,
    )
    return MemberColumns(
        _listed(shown | typed),
        required[0],
        required,
        types,
        list(identifiers),
        kept.spelled,
        kept.changes,
        read_columns(source, roles, former, _notations(cursor, source, traits, types)),
        _not_texts(cursor, source, identifiers),
        _beside(exact, rest),
    )


def _kinds(cursor: Cursor, source: Source, typed: dict[str, str]) -> dict[str, Any]:
    """Return ``{column: engine type}`` of some expressions over an upload."""
    return column_types(cursor, f"SELECT {_listed(typed)} FROM {source.sql}") if typed else {}


def _notations(
    cursor: Cursor, source: Source, traits: Mapping[str, str], types: Mapping[str, str]
) -> dict[str, Notation]:
    """Return the notations of traits that are texts; those whose names suggest ids or codes are left out."""
    texts = {
        column: value
        for column, value in traits.items()
        if types[column] == "VARCHAR" and not is_code(column)
    }
    return other_notations(cursor, source.sql, texts)


def refused_rows(columns: MemberColumns, upload: Upload, *, linked: bool) -> str | None:
    """Return the condition that a written row has a refused key; None if none is refused."""
    if upload.refused is None:
        return None
    ids = ("member_id", "profile_id") if linked else ("member_id",)
    return has_refused_key(upload.refused, ids, [f"id_{name}" for name in columns.identifiers])


def _not_texts(cursor: Cursor, source: Source, identifiers: Mapping[str, str]) -> dict[str, int]:
    """Count the values of NDJSON columns that are left out because they are no texts, by column."""
    if source.upload.format != "ndjson" or not identifiers:
        return {}
    counts = [not_texts_sql(name, column) for name, column in identifiers.items()]
    row = fetch_values(cursor, counts, source.sql)
    found = zip(identifiers.values(), row, strict=True)
    return {column: int(count) for column, count in found if count}


def _kept(
    cursor: Cursor, source: Source, columns: list[str], like: Members | None, former: Members | None
) -> KeptTypes:
    """Return the traits in the types of ``like``, or in those of ``former`` where all values fit."""
    if like is None:
        return keep_types(cursor, source, _traits(cursor, source, columns, {}), former)
    known = known_types(cursor, source, columns, like)
    kept = KeptTypes(_traits(cursor, source, columns, known))
    enlarge(cursor, source, kept)
    kept.changes += [
        TypeChange(name, str(known[name]), "VARCHAR") for name in kept.spelled if name in known
    ]
    return kept


def _listed(expressions: dict[str, str]) -> str:
    return ", ".join(f"{value} AS {sql_name(column)}" for column, value in expressions.items())


def _refuse_two_forms(columns: list[str]) -> None:
    """Raise Invalid for `address` beside `address.city`: mappings see a name with dots as an object."""
    for column in columns:
        parts = column.split(".")
        outer = next(
            (name for at in range(1, len(parts)) if (name := ".".join(parts[:at])) in columns), None
        )
        if outer is not None:
            raise Invalid(
                f"The columns {outer} and {column} exclude each other: mappings read {column} as a member of the object "
                f"{outer}. Rename one of them.",
                data={"column": column},
            )


def identifier_columns(
    source: Source, columns: list[str], like: Members | None = None
) -> dict[str, str]:
    """Return ``{identifier: column}``. A column in another spelling counts only if it can hold texts.

    In a change of a membership ``like`` that has both spellings, the other one is a trait, also without the exact one.
    Raises Invalid if two columns are spellings of one identifier.
    """
    beside = like.marks.beside if like is not None else ()
    found = {
        name: find_column(name, [one for one in columns if one == name or name not in beside])
        for name in IDENTIFIERS
    }
    return {
        name: column
        for name, column in found.items()
        if column is not None and (column == name or holds_texts(source, column))
    }


def _beside(exact: Collection[str], columns: list[str]) -> frozenset[str]:
    """Return the identifiers with a column of exactly their name that have another spelling beside it."""
    return frozenset(name for name in exact if len(spellings(name, columns)) > 1)


def _required(source: Source, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of the required names. Raises Invalid if one is missing, or has two other spellings."""
    found = []
    for name in names:
        column = find_column(name, source.columns)
        if column is None:
            raise _missing(source, name)
        found.append(column)
    return tuple(found)


def _missing(source: Source, name: str) -> Invalid:
    shown = ", ".join(list(source.columns)[:20])
    within = rows_within(source.path) if source.upload.format == "ndjson" else None
    words = f"The column {name} is missing; the columns are {shown}. " + (
        within or f"Give the column that has it the name {name}."
    )
    return Invalid(words, data={"column": name})


def _traits(
    cursor: Cursor, source: Source, columns: list[str], known: Mapping[str, Any]
) -> dict[str, str]:
    match source.upload.format:
        case "csv":
            texts = {column: sql_name(column) for column in columns}
            open_columns = {column: texts[column] for column in columns if not is_code(column)}
            return texts | typed_columns(cursor, source.sql, open_columns)
        case "ndjson":
            return typed_json_columns(cursor, source.sql, columns, known, long=long_columns(source))
        case "parquet":
            return {column: parquet_trait(column, source.columns[column]) for column in columns}
