"""Types of traits that stay the same from upload to upload, as long as all new values fit without loss."""

# ruff: noqa: S608  (every name and text that goes into SQL is quoted by app.snapshots.engine.sql)

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.snapshots.engine import Cursor, TypeChange, column_types, fetch_values, sql_name
from app.snapshots.membership.membership import Members
from app.snapshots.reading import Source, cast_text, fits_text

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


def _known(cursor: Cursor, former: Members, found: dict[str, Any]) -> dict[str, Any]:
    """Return the types of traits in the former membership. A text trait without any value has no type."""
    known = {name: kind for name, kind in former.traits.items() if name in found}
    asked = [
        name for name, kind in known.items() if kind.id == "varchar" and found[name].id != "varchar"
    ]
    counts = [f"count({sql_name('t_' + name)})" for name in asked]
    for name, count in zip(asked, fetch_values(cursor, counts, former.sql), strict=True):
        if count == 0:
            del known[name]
    return known


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
    asked = [
        name
        for name, kind in known.items()
        if str(kind) != str(found[name])
        and kind.id in _PLAIN
        and _may_stay(source, kind, found[name])
    ]
    texts = {name: _text(source, name) for name in asked}
    checks = [
        f"coalesce(bool_and({fits_text(texts[name], known[name])}) FILTER ({texts[name]} IS NOT NULL), true)"
        for name in asked
    ]
    for name, fits in zip(asked, fetch_values(cursor, checks, source.sql), strict=True):
        if fits:
            kept.values[name] = cast_text(texts[name], known[name])


def _may_stay(source: Source, kind: Any, new: Any) -> bool:
    if (
        source.upload.format == "parquet"
    ):  # its types are given: only codes that were text stay text
        return bool(kind.id == "varchar" and new.id in _WHOLE | _SMALL)
    return bool(new.id in _PLAIN)


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
