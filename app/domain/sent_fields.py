"""Fields that a partner keeps: their names in the holdings, and the ones that became empty.

A field is named by the path of keys that leads to it in what is delivered, as a JSON pointer: `/properties/tier` is the
member `tier` of the action's field `properties`, `/traits/tier` a trait that is sent without a mapping.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]

TRAITS: Path = ("traits",)  # what leads to the traits that are sent without a mapping


@dataclass(frozen=True, slots=True)
class SentField:
    """A field that is sent, and the traits that its value is made of, as paths with a dot between keys.

    ``each``: the value is an object, and each of its members is a field. An empty path of ``reads`` then means all traits.
    ``computed``: more than a plain path makes the value, so only rendering shows whether there is one.
    """

    path: Path
    reads: Sequence[str]
    each: bool = False
    computed: bool = False


def pointer(path: Sequence[str]) -> str:
    """Write a path as a JSON pointer (RFC 6901)."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)


def path_of(name: str) -> Path:
    """Read a JSON pointer."""
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in name.split("/")[1:])


def is_empty(value: Any) -> bool:
    """Return whether a value is none: null, or an empty text, list or object. Zero and false are values."""
    return value is None or value in ("", [], {})


def value_at(values: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return the value at a path; None if it leads nowhere."""
    found: Any = values
    for key in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def emptied(
    fields: Sequence[SentField], before: Sequence[str], values: Mapping[str, Any]
) -> tuple[Path, ...]:
    """Return the paths of fields that were sent with a value before, are still sent, and are absent from ``values``.

    A field that is no longer sent at all stays at the partner.
    """
    paths = [path_of(name) for name in before]
    return tuple(
        path
        for path in paths
        if any(_names(field, path) for field in fields)
        and _can_lead(values, path)
        and value_at(values, path) is None
    )


def _names(field: SentField, path: Path) -> bool:
    inside = field.each or field.computed
    return path[: len(field.path)] == field.path if inside else path == field.path


def _can_lead(values: Mapping[str, Any], path: Path) -> bool:
    """Return whether only objects, or nothing, are on the way to the last key of a path."""
    ways = (value_at(values, path[:end]) for end in range(1, len(path)))
    return all(value is None or isinstance(value, Mapping) for value in ways)


def names_sent(fields: Sequence[SentField], values: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields that have a value, sorted."""
    return sorted({pointer(path) for field in fields for path in _filled(field, values)})


def _filled(field: SentField, values: Mapping[str, Any]) -> Iterator[Path]:
    value = value_at(values, field.path)
    if is_empty(value):
        return
    if field.each and isinstance(value, Mapping):
        yield from ((*field.path, key) for key, item in value.items() if not is_empty(item))
    else:
        yield field.path


def with_nulls(values: Mapping[str, Any], cleared: Sequence[Path]) -> dict[str, Any]:
    """Return ``{key: value}`` with null at each of the paths. Objects on the way are copied, or made if they are absent."""
    result = dict(values)
    for path in cleared:
        inside = result
        for key in path[:-1]:
            inside[key] = dict(inside.get(key) or {})
            inside = inside[key]
        inside[path[-1]] = None
    return result


def without_blanks(values: dict[str, Any], paths: Sequence[Path]) -> dict[str, Any]:
    """Return ``{key: value}`` without the empty texts at some paths: an empty result of a template is no value."""
    for path in paths:
        if value_at(values, path) == "":
            values = dict(values)
            inside = values
            for key in path[:-1]:
                inside[key] = dict(inside[key])
                inside = inside[key]
            del inside[path[-1]]
    return values
