"""Types of the traits that travel, from the engine's types that a snapshot was written with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
)
# Beyond 64 bits, and files of the engine hold them as doubles.
_NUMBERS = frozenset({"FLOAT", "DOUBLE", "HUGEINT", "UHUGEINT", "UBIGINT"})


def trait_types_of(
    names: Mapping[str, str], sources: Sequence[Mapping[str, str]]
) -> dict[str, str]:
    """Types (text, integer, number, boolean, timestamp, json) by the name that travels, in the order of ``names``.

    ``names`` maps a trait to that name; ``sources`` are the traits of the pinned snapshots with their engine types. A
    trait that no source has is text, and so is one on whose type they do not agree.
    """
    found: dict[str, str] = {}
    for trait, name in names.items():
        kinds = {_kind(source[trait]) for source in sources if trait in source}
        found[name] = _common(kinds)
    return found


def _common(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    return "number" if kinds == {"integer", "number"} else "text"


def _kind(engine_type: str) -> str:
    kind = engine_type.upper()
    if kind in _INTEGERS:
        return "integer"
    if kind in _NUMBERS or kind.startswith("DECIMAL"):
        return "number"
    if kind == "BOOLEAN":
        return "boolean"
    if kind.startswith("TIMESTAMP"):
        return "timestamp"
    if kind.startswith(("STRUCT", "MAP", "JSON")) or kind.endswith("]"):
        return "json"
    return "text"
