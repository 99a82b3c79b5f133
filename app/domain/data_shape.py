"""The shape of data that the service takes, of uploads and of results of definitions: columns, and nesting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

MAX_COLUMNS = 1_000
MAX_DEPTH = (
    8  # levels of lists and objects: the time to read a value grows threefold with every two
)

MAX_NAME = 1_000  # characters of a column's name


def name_fault(name: str) -> str | None:
    """Return what is wrong with a column's name, as a sentence, or None. PostgreSQL cannot store a NUL character.

    Example: ``Column a\\0b has a NUL character in its name.``
    """
    if "\0" in name:
        shown = name.replace("\0", "\\0")[:100]
        return f"Column {shown} has a NUL character in its name."
    if len(name) > MAX_NAME:
        return (
            f"Column {name[:30]}… has a name of {len(name):,} characters; the most is {MAX_NAME:,}."
        )
    return None


def is_too_deep(kind: T, inner: Callable[[T], Iterable[T]]) -> bool:
    """Return whether a type has more levels than are taken. ``inner`` returns the types within a type, none if it is plain."""
    level = [kind]
    for _ in range(MAX_DEPTH + 1):
        level = [within for outer in level for within in inner(outer)]
    return bool(level)
