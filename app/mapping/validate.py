"""Finds the faults of a mapping without a payload.

A location is the keys leading to a part, each with a `/` before it. A fault is a text that
begins with its location and a blank. Arrays are not entered, and a plain object handed to an
option that takes any value is not looked into; what is wrong in there shows when it is run.
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

Location = tuple[str, ...]
"""The keys that lead to a part of the mapping."""

Rule = Callable[[Any, Location], list[str]]
"""A part and its location in, the faults out."""


def validate(mapping: Any) -> list[str]:
    """Give all the faults of a mapping; none mean that it can be run.

    A mapping with a root directive is checked as what it is rewritten to. Where that cannot
    be done the mapping is accepted here, and fails on every run.
    """
    try:
        return faults_of(rewrite_root(mapping))
    except MappingFailed:
        return []
    except RecursionError:
        return ["/ is nested too deeply."]


def faults_of(mapping: Any) -> list[str]:
    """Give all the faults of a mapping whose root directive has been rewritten."""
    return _walk(mapping, ())


def _fault(location: Location, text: str) -> list[str]:
    return [f"/{'/'.join(location)} {text}"]


def _expected(location: Location, what: str, found: Any) -> list[str]:
    return _fault(location, f"should be {what} but found {written_kind_of(found)}.")


def _walk(node: Any, location: Location) -> list[str]:
    if not isinstance(node, dict):
        return []
    if len(location) > MAXIMUM_DEPTH:
        return _fault(location, f"is nested more than {MAXIMUM_DEPTH} levels deep.")
    if any(is_directive_key(key) for key in node):
        return _directive(node, location)
    return [fault for key, item in node.items() for fault in _walk(item, (*location, key))]


def _directive(node: dict[str, Any], location: Location) -> list[str]:
    names = [key for key in node if is_directive_key(key)]
    if len(names) > 1:
        return _fault(location, f"should have only one @-key but it has {len(names)} @-keys.")
    if any(key not in (names[0], METADATA) for key in node):
        return _fault(location, f"should have only one key but it has {len(node)} keys.")
    name = names[0]
    if name not in ARGUMENTS:
        return _fault(location, f"has an invalid directive: {name}.")
    return ARGUMENTS[name](node[name], (*location, name))


def _any(value: Any, location: Location) -> list[str]:
    return _walk(value, location) if written_kind_of(value) == "directive" else []


def _text(value: Any, location: Location) -> list[str]:
    return _text_kind(value, location) or _walk(value, location)


def _object(value: Any, location: Location) -> list[str]:
    return _object_kind(value, location) or _walk(value, location)


def _text_kind(value: Any, location: Location) -> list[str]:
    if isinstance(value, str) or written_kind_of(value) == "directive":
        return []
    return _expected(location, "a string or a directive", value)


def _object_kind(value: Any, location: Location) -> list[str]:
    return [] if isinstance(value, dict) else _expected(location, "an object or a directive", value)


def _plain_string(value: Any, location: Location) -> list[str]:
    return [] if isinstance(value, str) else _expected(location, "a string", value)


def _boolean(value: Any, location: Location) -> list[str]:
    return [] if isinstance(value, bool) else _expected(location, "a boolean", value)


def _unchecked(value: Any, location: Location) -> list[str]:
    return []


def _length(least: int, most: int) -> Rule:
    def check(value: Any, location: Location) -> list[str]:
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

    def check(value: Any, location: Location) -> list[str]:
        if not isinstance(value, str):
            return _expected(location, "a string", value)
        if value.lower() in allowed:
            return []
        return _fault(location, f'should be {listed} but it is "{value}".')

    return check


def _array(value: Any, location: Location) -> list[str]:
    return [] if isinstance(value, list) else _expected(location, "an array", value)


def _merge(value: Any, location: Location) -> list[str]:
    """Check the options, then the entries up to the first with a fault."""
    faults = MERGE_OPTIONS(value, location)
    if faults:
        return faults
    place = (*location, "objects")
    checked = (_object(entry, (*place, str(at))) for at, entry in enumerate(value["objects"]))
    return next((found for found in checked if found), [])


def _array_path(value: Any, location: Location) -> list[str]:
    if not isinstance(value, list):
        return _expected(location, "an array", value)
    faults = _text(value[0] if value else ABSENT, location)
    if faults or len(value) < 2:
        return faults
    return _walk(value[1], location)


@dataclass(frozen=True, slots=True)
class Option:
    """A named option of a directive: the rule for its value, and whether it must be there."""

    name: str
    rule: Rule
    required: bool = False


def _options(*options: Option) -> Rule:
    """Make the rule for an object of options, in two rounds.

    The first walks every member. The second runs only after a clean first, so that its rules
    look at kinds alone: a second walk at every level would double the work at each.
    """

    def check(value: Any, location: Location) -> list[str]:
        if written_kind_of(value) != "object":
            return _expected(location, "an object", value)
        return _walk(value, location) or [
            fault for option in options for fault in _option(option, value, location)
        ]

    return check


def _option(option: Option, options: dict[str, Any], location: Location) -> list[str]:
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
