"""Validation of a mapping without a payload.

A location is the keys that lead to a part, each with a `/` before it. A fault is a text that begins with its location
and a space. Arrays and plain objects in options that accept any value are not entered: faults in them appear when the
mapping is run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from app.mapping.errors import MappingFailed
from app.mapping.replacement import LONGEST_PART
from app.mapping.root_directive import rewrite_root
from app.mapping.text import units
from app.mapping.values import (
    ABSENT,
    MAXIMUM_DEPTH,
    METADATA,
    is_directive_key,
    written_kind_of,
)

Keys = tuple[str, ...]
"""The keys that lead to a part of the mapping."""

Rule = Callable[[Any, Keys], list[str]]
"""Takes a part and its location, returns the faults."""


def validate(mapping: Any) -> list[str]:
    """Return all faults of a mapping. An empty list means that it can be run.

    A mapping with a root directive is rewritten first. If that is not possible, there are no faults, and every run
    fails.
    """
    try:
        return faults_of(rewrite_root(mapping))
    except MappingFailed:
        return []
    except RecursionError:
        return ["/ is nested too deeply."]


def faults_of(mapping: Any) -> list[str]:
    """Return all faults of a mapping whose root directive was rewritten."""
    return _walk(mapping, ())


def _fault(location: Keys, text: str) -> list[str]:
    return [f"/{'/'.join(location)} {text}"]


def _expected(location: Keys, what: str, found: Any) -> list[str]:
    return _fault(location, f"should be {what} but found {written_kind_of(found)}.")


def _walk(node: Any, location: Keys) -> list[str]:
    if not isinstance(node, dict):
        return []
    if len(location) > MAXIMUM_DEPTH:
        return _fault(location, f"is nested more than {MAXIMUM_DEPTH} levels deep.")
    if any(is_directive_key(key) for key in node):
        return _directive(node, location)
    return [fault for key, item in node.items() for fault in _walk(item, (*location, key))]


def _directive(node: dict[str, Any], location: Keys) -> list[str]:
    names = [key for key in node if is_directive_key(key)]
    if len(names) > 1:
        return _fault(location, f"should have only one @-key but it has {len(names)} @-keys.")
    if any(key not in (names[0], METADATA) for key in node):
        return _fault(location, f"should have only one key but it has {len(node)} keys.")
    name = names[0]
    if name not in ARGUMENTS:
        return _fault(location, f"has an invalid directive: {name}.")
    return ARGUMENTS[name](node[name], (*location, name))


def _any(value: Any, location: Keys) -> list[str]:
    return _walk(value, location) if written_kind_of(value) == "directive" else []


def _text(value: Any, location: Keys) -> list[str]:
    return _text_kind(value, location) or _walk(value, location)


def _object(value: Any, location: Keys) -> list[str]:
    return _object_kind(value, location) or _walk(value, location)


def _text_kind(value: Any, location: Keys) -> list[str]:
    if isinstance(value, str) or written_kind_of(value) == "directive":
        return []
    return _expected(location, "a string or a directive", value)


def _object_kind(value: Any, location: Keys) -> list[str]:
    return [] if isinstance(value, dict) else _expected(location, "an object or a directive", value)


def _plain_string(value: Any, location: Keys) -> list[str]:
    return [] if isinstance(value, str) else _expected(location, "a string", value)


def _boolean(value: Any, location: Keys) -> list[str]:
    return [] if isinstance(value, bool) else _expected(location, "a boolean", value)


def _unchecked(value: Any, location: Keys) -> list[str]:
    return []


def _length(least: int, most: int) -> Rule:
    def check(value: Any, location: Keys) -> list[str]:
        if not isinstance(value, str):
            return _expected(location, "a string", value)
        length = units(value)
        if length < least:
            return _fault(location, f"should have at least {least} units but it has {length}.")
        if length > most:
            return _fault(location, f"should have at most {most} units but it has {length}.")
        return []

    return check


def _one_of(*allowed: str) -> Rule:
    listed = " or ".join(f'"{choice}"' for choice in allowed)

    def check(value: Any, location: Keys) -> list[str]:
        if not isinstance(value, str):
            return _expected(location, "a string", value)
        if value.lower() in allowed:
            return []
        return _fault(location, f'should be {listed} but it is "{value}".')

    return check


def _array(value: Any, location: Keys) -> list[str]:
    return [] if isinstance(value, list) else _expected(location, "an array", value)


def _merge(value: Any, location: Keys) -> list[str]:
    """Check the options, then the entries up to the first that has a fault."""
    faults = MERGE_OPTIONS(value, location)
    if faults:
        return faults
    objects = (*location, "objects")
    checked = (_object(entry, (*objects, str(at))) for at, entry in enumerate(value["objects"]))
    return next((found for found in checked if found), [])


def _array_path(value: Any, location: Keys) -> list[str]:
    if not isinstance(value, list):
        return _expected(location, "an array", value)
    faults = _text(value[0] if value else ABSENT, location)
    if faults or len(value) < 2:
        return faults
    return _walk(value[1], location)


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a directive: its name, the rule for its value, and whether it is required."""

    name: str
    rule: Rule
    required: bool = False


def _options(*options: Option) -> Rule:
    """Create the rule for an object of options, which works in two rounds.

    The first round walks every member. The second runs only if the first found no fault, and its rules check types
    only: a second walk would double the work at every level.
    """

    def check(value: Any, location: Keys) -> list[str]:
        if written_kind_of(value) != "object":
            return _expected(location, "an object", value)
        return _walk(value, location) or [
            fault for option in options for fault in _option(option, value, location)
        ]

    return check


def _option(option: Option, options: dict[str, Any], location: Keys) -> list[str]:
    if option.name in options:
        return option.rule(options[option.name], (*location, option.name))
    if option.required:
        return _fault(location, f'should have the field "{option.name}" but it is missing.')
    return []


MERGE_OPTIONS: Final = _options(
    Option("direction", _one_of("left", "right")), Option("objects", _array, required=True)
)

ARGUMENTS: Final[dict[str, Rule]] = {
    "@arrayPath": _array_path,
    "@case": _options(Option("operator", _plain_string), Option("value", _text_kind)),
    "@excludeWhenNull": _any,
    "@flatten": _options(
        Option("separator", _plain_string),
        Option("value", _unchecked, required=True),
    ),
    "@if": _options(),
    "@json": _options(
        Option("value", _unchecked, required=True),
        Option("mode", _one_of("encode", "decode"), required=True),
    ),
    "@liquid": _plain_string,
    "@literal": _any,
    "@merge": _merge,
    "@path": _text,
    "@replace": _options(
        Option("pattern", _length(1, LONGEST_PART), required=True),
        Option("replacement", _length(0, LONGEST_PART)),
        Option("value", _text_kind, required=True),
        Option("ignorecase", _boolean),
        Option("global", _boolean),
    ),
    "@template": _text,
    "@transform": _options(
        Option("apply", _object_kind, required=True), Option("mapping", _object_kind, required=True)
    ),
}

DIRECTIVES: Final = tuple(ARGUMENTS)
"""The names of all directives, such as `@path`."""
