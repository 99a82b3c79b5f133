"""Columns that personalization and mappings name in another spelling, or that hold identifiers outside the identifier list."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import duckdb

from app.domain.column_names import is_on_path, meaning
from app.domain.normalise import Normaliser
from app.snapshots.engine import KeyField, PlanSpec, sql_name
from app.snapshots.membership import Members
from app.snapshots.plans.key_fields import key_fields, usable_values

_NORMALISERS: Mapping[str, Normaliser] = {"email": "email", "phone": "phone"}


def with_names(spec: PlanSpec, whole: Members) -> Members:
    """Add a trait for each name in ``spec.named`` that no trait has, if exactly one column is a spelling of it.

    An identifier is the last valid value of its column. Names that two columns may mean are not added.
    """
    added = dict(_added(spec, whole))
    if not added:
        return whole
    columns = {"t_" + name: kind for name, (_, kind) in added.items()}
    known = {column.lower() for column in whole.columns}
    # The engine finds columns in any case.
    fresh = [
        f"{value} AS {sql_name('t_' + name)}"
        for name, (value, _) in added.items()
        if f"t_{name}".lower() not in known
    ]
    sql = f"(SELECT {', '.join(['*', *fresh])} FROM {whole.sql} AS named)" if fresh else whole.sql
    spelled = {name for name, (value, _) in added.items() if value in _quoted(whole.marks.spelled)}
    marks = replace(whole.marks, spelled=whole.marks.spelled | spelled)
    return replace(whole, sql=sql, columns=whole.columns | columns, marks=marks)


def named_identifiers(spec: PlanSpec, whole: Members) -> Sequence[KeyField]:
    """Return the identifiers outside the identifier list that are read because ``spec.named`` names them."""
    return [_entry(column) for _, column in _named(spec, whole) if column not in whole.traits]


def _quoted(traits: Iterable[str]) -> set[str]:
    return {sql_name("t_" + trait) for trait in traits}


def _added(
    spec: PlanSpec, whole: Members
) -> Iterator[tuple[str, tuple[str, duckdb.sqltypes.DuckDBPyType]]]:
    traits = whole.traits
    for name, column in _named(spec, whole):
        if column in traits:
            yield name, (sql_name("t_" + column), traits[column])
        else:
            yield name, (_identifier(spec, whole, column), duckdb.sqltype("VARCHAR"))


def _named(spec: PlanSpec, whole: Members) -> Iterator[tuple[str, str]]:
    """Yield each name that is added, and the only column that it means: a trait, or else an identifier."""
    sent = {field.travels_as for field in key_fields(spec, whole)}
    traits = whole.traits
    for path in spec.named:
        if path in sent or any(is_on_path(trait, path) for trait in traits):
            continue
        name, found = meaning(path, [*traits, *whole.identifiers])
        if len(found) == 1:
            yield name, found[0]


def _identifier(spec: PlanSpec, whole: Members, name: str) -> str:
    return f"({usable_values(spec, _entry(name), whole)})[1]"


def _entry(name: str) -> KeyField:
    return KeyField(name, "last", _NORMALISERS.get(name, "text"))
