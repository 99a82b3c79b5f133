"""Whether holdings and plans name a person."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from pathlib import Path

from app.domain.changes import ChangeKind, Held
from app.domain.persons import Person
from app.snapshots.engine import Cursor, LocalManifest, fetch_one, stored_relation
from app.snapshots.erasure.names import either, in_texts
from app.snapshots.holdings import PROFILE, VALUE, holdings_relation

_THERE = ", ".join(f"'{state}'" for state in (Held.YES, Held.MAYBE, Held.LEFT))


def count_held_keys(cursor: Cursor, holdings: LocalManifest, person: Person) -> int:
    """Count the keys of a person that a destination has, or may have."""
    where = f"held IN ({_THERE}) AND ({_is_persons(person)})"
    return int(
        fetch_one(cursor, f"SELECT count(*) FROM {holdings_relation(holdings)} WHERE {where}")[0]
    )


def planned_kinds(cursor: Cursor, plan: Path, person: Person) -> frozenset[ChangeKind]:
    """Return the kinds of change that a plan sends for a person."""
    query = f"SELECT DISTINCT kind FROM {stored_relation([plan])} WHERE row IS NOT NULL AND ({_is_persons(person)})"
    return frozenset(ChangeKind(kind) for (kind,) in cursor.execute(query).fetchall())


def _is_persons(person: Person) -> str:
    return either([in_texts(PROFILE, person.ids), in_texts(VALUE, person.values)])
