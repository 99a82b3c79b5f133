"""Types of the traits that are sent, from the engine's types of the snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
)
# The integers here exceed 64 bits; the engine writes them to files as doubles.
_NUMBERS = frozenset({"FLOAT", "DOUBLE", "HUGEINT", "UHUGEINT", "UBIGINT"})


def trait_types_of(
    names: Mapping[str, str], sources: Sequence[Mapping[str, str]]
) -> dict[str, str]:
    """Return the type by sent name, in the order of ``names``.

    Types are text, integer, number, ``decimal(18,2)`` with its width and scale, boolean, date, timestamp and json.

    ``names`` maps a trait to the name that it is sent under. ``sources`` are the traits of the pinned snapshots with
    their engine types. A trait that is in no source, or has different types in them, is text.
    """
    types: dict[str, str] = {}
    for trait, name in names.items():
        kinds = {_kind(source[trait]) for source in sources if trait in source}
        types[name] = _common(kinds)
    return types


def _common(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    numbers = {
        kind for kind in kinds if kind in {"integer", "number"} or kind.startswith("decimal")
    }
    return "number" if kinds and kinds == numbers else "text"


def _kind(engine_type: str) -> str:
    kind = engine_type.upper()
    if kind in _INTEGERS:
        return "integer"
    if kind in _NUMBERS:
        return "number"
    if kind.startswith("DECIMAL") or kind == "DATE":
        return kind.lower().replace(" ", "")
    if kind == "BOOLEAN":
        return "boolean"
    if kind.startswith("TIMESTAMP"):
        return "timestamp"
    if kind.startswith(("STRUCT", "MAP", "JSON")) or kind.endswith("]"):
        return "json"
    return "text"
