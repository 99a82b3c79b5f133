"""The names of a person in stored files: ids of profiles, and values of their identifiers."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from app.domain.normalise import folded_sql
from app.domain.persons import MOST_TEXTS
from app.domain.text_forms import folded, trimmed
from app.snapshots.engine import Cursor, sql_name, sql_text, stored_relation, stored_schema
from app.snapshots.holdings import PROFILE, VALUE


@dataclass(frozen=True, slots=True)
class Names:
    """Ids of profiles, and values of identifiers. All are folded; ``spelled`` has them as they were given."""

    ids: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    spelled: frozenset[str] = frozenset()

    @classmethod
    def of(cls, ids: Iterable[str | None], values: Iterable[str | None]) -> Names:
        """Return the names in texts as they were given, each once."""
        given = [{trimmed(text) for text in texts if text} for texts in (ids, values)]
        folds = [frozenset(map(folded, texts)) for texts in given]
        return cls(folds[0], folds[1], frozenset(given[0] | given[1]))

    def __or__(self, other: Names) -> Names:
        return Names(self.ids | other.ids, self.values | other.values, self.spelled | other.spelled)


def find_names(cursor: Cursor, path: Path, known: Names, kind: str | None = None) -> Names:
    """Return the names that a file of members or of holdings has for the profiles that ``known`` names.

    A row belongs to them if it has one of the ids, or one of the values: as an identifier of the type ``kind``, or of any.
    """
    columns = stored_schema(path).names
    if "k" in columns:
        return _in_keys(cursor, path, known)
    identifiers = [column for column in columns if column.startswith("id_")]
    asked = [column for column in identifiers if kind in {None, column.removeprefix("id_")}]
    profile = "profile_id" if "profile_id" in columns else "member_id"
    conditions = [
        in_texts(profile, known.ids),
        *(_any_of(column, known.values) for column in asked),
    ]
    shown = ", ".join([profile, *map(sql_name, identifiers)])
    rows = _rows(
        cursor, f"SELECT {shown} FROM {stored_relation([path])} WHERE {either(conditions)}"
    )
    values = [text for row in rows for listed in row[1:] for text in listed or ()]
    return Names.of([row[0] for row in rows], values)


def _in_keys(cursor: Cursor, path: Path, known: Names) -> Names:
    condition = either([in_texts(PROFILE, known.ids), in_texts(VALUE, known.values)])
    rows = _rows(
        cursor,
        f"""SELECT {PROFILE}, CASE WHEN key_type IS NOT NULL AND key_type <> 'member' THEN {VALUE} END, identity, partner_id
        FROM {stored_relation([path])} WHERE {condition}""",
    )
    values: list[str | None] = []
    for _, value, identity, partner_id in rows:
        values += [value, partner_id, *_texts(orjson.loads(identity) if identity else {})]
    found = Names.of([row[0] for row in rows], values)
    return replace(found, values=found.values - found.ids)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def shared_values(cursor: Cursor, path: Path, names: Names) -> frozenset[str]:
    """Return the values that a file of members has for profiles other than those of ``names``."""
    columns = stored_schema(path).names
    identifiers = [column for column in columns if column.startswith("id_")]
    if not identifiers or not names.values:
        return frozenset()
    profile = "profile_id" if "profile_id" in columns else "member_id"
    has_value = either([_any_of(column, names.values) for column in identifiers])
    rows = _rows(
        cursor,
        f"""SELECT {", ".join(map(sql_name, identifiers))} FROM {stored_relation([path])}
        WHERE ({has_value}) AND NOT coalesce({in_texts(profile, names.ids)}, false)""",
    )
    found = {folded(text) for row in rows for listed in row for text in listed or () if text}
    return frozenset(found & names.values)


def _rows(cursor: Cursor, query: str) -> Sequence[tuple[Any, ...]]:
    return cursor.execute(f"{query} LIMIT {MOST_TEXTS * 100}").fetchall()


def _any_of(column: str, texts: Iterable[str]) -> str:
    """Return the condition that a list of texts has one of some folded texts."""
    each = f"list_transform({sql_name(column)}, lambda x: {folded_sql('x')})"
    return f"list_has_any({each}, {_listed(texts)})" if texts else "false"


def in_texts(expression: str, texts: Iterable[str]) -> str:
    """Return the condition that a text is, folded, one of some folded texts."""
    listed = ", ".join(sql_text(text) for text in sorted(texts))
    return f"{folded_sql(expression)} IN ({listed})" if listed else "false"


def _listed(texts: Iterable[str]) -> str:
    return "[" + ", ".join(sql_text(text) for text in sorted(texts)) + "]"


def either(conditions: Iterable[str]) -> str:
    """Return the condition that one of some conditions holds."""
    return " OR ".join(conditions) or "false"
