"""The values of the mapping language: JSON, and `ABSENT`."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Literal


class Absent(Enum):
    """The type of `ABSENT`, its only member, so that values can be compared by identity."""

    ABSENT = "absent"

    def __bool__(self) -> Literal[False]:
        return False


ABSENT: Final = Absent.ABSENT
"""The result of a lookup that finds nothing. Null is data, and is `None`."""

METADATA: Final = "_metadata"
"""The only ordinary key that is allowed next to a directive. Its value is ignored."""

MAXIMUM_DEPTH: Final = 200
"""Maximum depth of a mapping, so that recursion stays within the stack of Python."""


def is_truthy(value: Any) -> bool:
    """Return whether a value counts as true. Empty arrays and objects do."""
    return bool(value) or isinstance(value, list | dict)


def is_directive_key(key: object) -> bool:
    """Return whether the key of an object names a directive."""
    return isinstance(key, str) and key.startswith("@")


def running_directive(node: dict[str, Any]) -> str | None:
    """Return the directive that an object is run as, or None if it is plain data.

    An ordinary key next to the directive makes the object plain data. Validation is stricter.
    """
    first: str | None = None
    for key in node:
        if is_directive_key(key):
            first = first or key
        elif key != METADATA:
            return None
    return first


def is_plain_data(node: Any) -> bool:
    """Return whether a part of a mapping is an object that is written as it is: its members are parts of their own."""
    return isinstance(node, dict) and running_directive(node) is None


def kind_of(value: Any) -> str:
    """Return the type of a value, as messages name it."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
        case Absent():
            return "undefined"
        case _:
            return type(value).__name__


def written_kind_of(value: Any) -> str:
    """Return the type of a part of a mapping. An object with a key that begins with `@` is a directive."""
    if isinstance(value, dict) and any(is_directive_key(key) for key in value):
        return "directive"
    return kind_of(value)


def without_absent(value: Any) -> Any:
    """Copy a value without absent members. Absent array items become null, an absent value stays absent."""
    if isinstance(value, dict):
        return {key: without_absent(item) for key, item in value.items() if item is not ABSENT}
    if isinstance(value, list):
        return [None if item is ABSENT else without_absent(item) for item in value]
    return value
