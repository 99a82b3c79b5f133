"""The values of the language: JSON, plus one mark for what is not there."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Literal


class Absent(Enum):
    """The type of the mark; it has one member, so that identity is the test."""

    ABSENT = "absent"

    def __bool__(self) -> Literal[False]:
        return False


ABSENT: Final = Absent.ABSENT
"""What a lookup gives when there is nothing; null is data and is written as `None`."""

METADATA: Final = "_metadata"
"""The one ordinary key that may stand beside a directive; its value means nothing."""

MAXIMUM_DEPTH: Final = 200
"""How many levels a mapping may nest; keeps the walk inside Python's own stack."""


def is_truthy(value: Any) -> bool:
    """Say whether a value counts as true: empty arrays and objects do."""
    return bool(value) or isinstance(value, list | dict)


def is_directive_key(key: object) -> bool:
    """Say whether an object's key names a directive."""
    return isinstance(key, str) and key.startswith("@")


def running_directive(node: dict[str, Any]) -> str | None:
    """Name the directive that an object runs as, or None where it is plain data.

    An ordinary key next to the directive makes it plain data; validation is stricter.
    """
    first: str | None = None
    for key in node:
        if is_directive_key(key):
            first = first or key
        elif key != METADATA:
            return None
    return first


def kind_of(value: Any) -> str:
    """Name the kind of a value as the messages do."""
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
    """Name the kind of a part of a mapping; any `@` key makes an object a directive."""
    if isinstance(value, dict) and any(is_directive_key(key) for key in value):
        return "directive"
    return kind_of(value)


def without_absent(value: Any) -> Any:
    """Copy a value without its absent members; absent array items become null.

    An absent value itself stays absent.
    """
    if isinstance(value, dict):
        return {key: without_absent(item) for key, item in value.items() if item is not ABSENT}
    if isinstance(value, list):
        return [None if item is ABSENT else without_absent(item) for item in value]
    return value
