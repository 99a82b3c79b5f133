"""The shape of data that the service takes, of uploads and of results of definitions: columns, and nesting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

MAX_COLUMNS = 1_000
MAX_DEPTH = (
    8  # levels of lists and objects: the time to read a value grows threefold with every two
)


def is_too_deep(kind: T, inner: Callable[[T], Iterable[T]]) -> bool:
    """Return whether a type has more levels than are taken. ``inner`` returns the types within a type, none if it is plain."""
    level = [kind]
    for _ in range(MAX_DEPTH + 1):
        level = [within for outer in level for within in inner(outer)]
    return bool(level)
