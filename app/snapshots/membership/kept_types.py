"""Types of traits that stay the same from upload to upload, as long as all new values fit without loss."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.snapshots.engine import Cursor, TypeChange, column_types, fetch_values, sql_name
from app.snapshots.membership.membership import Members
from app.snapshots.reading import Source, cast_text, fits_text, typed_json_columns

_WHOLE = {"bigint", "ubigint", "hugeint", "uhugeint"}
_SMALL = {"tinyint", "smallint", "integer", "utinyint", "usmallint", "uinteger"}
_NUMBERS = _WHOLE | _SMALL | {"decimal", "float", "double"}
_PLAIN = _NUMBERS | {"varchar", "boolean", "date", "timestamp"}
_MOST = 2**53 - 1  # the largest integer that every reader of JSON keeps exactly


@dataclass(slots=True)
class KeptTypes:
    """Expressions of traits, changes of their types, and the texts that are hashed as what they spell (``Members``)."""

    values: dict[str, str]
    spelled: list[str] = field(default_factory=list)
    changes: list[TypeChange] = field(default_factory=list)


def keep_types(
    cursor: Cursor, source: Source, values: dict[str, str], former: Members | None
) -> KeptTypes:
    """Give traits the types of the former membership where all values fit; find integers that JSON cannot carry.

    ``values`` are expressions with detected types. A column with an integer beyond 2^53 - 1 becomes text. A column that
    was a number or truth value and becomes text is hashed by what it spells, so that members who did not change get no
    update.
    """
    kept = KeptTypes(dict(values))
    found = _types(cursor, source, values)
    known = _known(cursor, former, found) if former else {}
    _keep(cursor, source, kept, found, known)
    enlarge(cursor, source, kept)
    if former is not None:
        _compare(kept, former, known, _types(cursor, source, kept.values))
    return kept


def known_types(
    cursor: Cursor, source: Source, columns: Sequence[str], like: Members
) -> dict[str, Any]:
    """Return ``{trait: engine type}`` of the membership that NDJSON rows change.

    A text trait without any value has no type if its column has lists or objects: as texts they would be sent as texts.
    """
    texts = [
        name
        for name, kind in like.traits.items()
        if name in columns and kind.id == "varchar" and not _is_json(kind)
    ]
    nested = [f"bool_or(json_type({sql_name(name)}) IN ('ARRAY', 'OBJECT'))" for name in texts]
    found = zip(texts, fetch_values(cursor, nested, source.sql), strict=True)
    asked = [name for name, has_nested in found if has_nested]
    return _without_empty(cursor, like, dict(like.traits), asked)


def _known(cursor: Cursor, former: Members, found: dict[str, Any]) -> dict[str, Any]:
    """Return the types of traits in the former membership. A text trait without any value has no type."""
    known = {name: kind for name, kind in former.traits.items() if name in found}
    asked = [
        name
        for name, kind in known.items()
        if kind.id == "varchar" and str(found[name]) != str(kind)
    ]
    return _without_empty(cursor, former, known, asked)


def _without_empty(
    cursor: Cursor, former: Members, known: dict[str, Any], asked: Sequence[str]
) -> dict[str, Any]:
    """Return the types without those of some traits, if these have no value."""
    counts = [f"count({sql_name('t_' + name)})" for name in asked]
    found = zip(asked, fetch_values(cursor, counts, former.sql), strict=True)
    empty = {name for name, count in found if count == 0}
    return {name: kind for name, kind in known.items() if name not in empty}


def _compare(
    kept: KeptTypes, former: Members, known: dict[str, Any], types: dict[str, Any]
) -> None:
    """Note the traits whose types changed, and those that are hashed by what they spell from now on."""
    for name, kind in types.items():
        was = known.get(name)
        if was is None or str(was) == str(kind):
            continue
        kept.changes.append(TypeChange(name, str(was), str(kind)))
        if kind.id == "varchar" and was.id in _NUMBERS | {"boolean"}:
            kept.spelled.append(name)
    kept.spelled += [name for name in types if name in former.marks.spelled]


def _types(cursor: Cursor, source: Source, values: dict[str, str]) -> dict[str, Any]:
    if not values:
        return {}
    select = ", ".join(f"{value} AS {sql_name(name)}" for name, value in values.items())
    return column_types(cursor, f"SELECT {select} FROM {source.sql}")


def _text(source: Source, name: str) -> str:
    if source.upload.format == "ndjson":
        return f"({sql_name(name)} ->> '$')"
    return f"CAST({sql_name(name)} AS VARCHAR)"


def _keep(
    cursor: Cursor,
    source: Source,
    kept: KeptTypes,
    found: dict[str, Any],
    known: dict[str, Any],
) -> None:
    differing = {name: kind for name, kind in known.items() if str(kind) != str(found[name])}
    if source.upload.format == "ndjson":  # any value of it is JSON
        were_json = {name: kind for name, kind in differing.items() if _is_json(kind)}
        kept.values |= typed_json_columns(cursor, source.sql, list(were_json), were_json)
        differing = {name: kind for name, kind in differing.items() if name not in were_json}
    asked = [
        name
        for name, kind in differing.items()
        if kind.id in _PLAIN and _may_stay(source, kind, found[name])
    ]
    texts = {name: _text(source, name) for name in asked}
    checks = [
        f"coalesce(bool_and({_fits(texts[name], known[name])}) FILTER ({texts[name]} IS NOT NULL), true)"
        for name in asked
    ]
    for name, fits in zip(asked, fetch_values(cursor, checks, source.sql), strict=True):
        if fits:
            kept.values[name] = _cast(texts[name], known[name])


def _is_json(kind: Any) -> bool:
    """Return whether a type is JSON, which the engine counts among the texts."""
    return str(kind) == "JSON"


def _fits(text: str, kind: Any) -> str:
    return f"json_valid({text})" if _is_json(kind) else fits_text(text, kind)


def _cast(text: str, kind: Any) -> str:
    return f"CAST(canonical_json({text}) AS JSON)" if _is_json(kind) else cast_text(text, kind)


def _may_stay(source: Source, kind: Any, new: Any) -> bool:
    if (
        source.upload.format == "parquet"
    ):  # its types are given: only codes that were text stay text
        is_text = kind.id == "varchar" and not _is_json(kind)
        return bool(is_text and new.id in _WHOLE | _SMALL)
    return bool(new.id in _PLAIN) and not _is_json(new)


def enlarge(cursor: Cursor, source: Source, kept: KeptTypes) -> None:
    """Turn columns of integers into text if JSON cannot carry one of them exactly."""
    whole = [
        name for name, kind in _types(cursor, source, kept.values).items() if kind.id in _WHOLE
    ]
    checks = [
        f"coalesce(max({kept.values[name]}) > {_MOST} OR min({kept.values[name]}) < -{_MOST}, false)"
        for name in whole
    ]
    for name, beyond in zip(whole, fetch_values(cursor, checks, source.sql), strict=True):
        if beyond:
            kept.values[name] = _text(source, name)
            kept.spelled.append(name)
