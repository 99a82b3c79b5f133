"""A cache of compiled mappings, for callers that do not keep them."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

_MOST: Final = 256
_LARGEST: Final = 65_536
_WITHOUT_REFERENCES: Final = 2


class MappingCache(Generic[T]):
    """Keeps up to 256 compiled mappings by their content. When it is full, it is emptied."""

    def __init__(self) -> None:
        self._compiled: dict[bytes, T] = {}

    def get_or_compile(self, mapping: Any, compile_mapping: Callable[[Any], T]) -> T:
        """Return the compiled form of an equal mapping, or compile this one and keep the result."""
        content = _fingerprint(mapping)
        if content is None:
            return compile_mapping(mapping)
        compiled = self._compiled.get(content)
        if compiled is None:
            compiled = compile_mapping(mapping)
            if len(self._compiled) >= _MOST:
                self._compiled.clear()
            self._compiled[content] = compiled
        return compiled


def _fingerprint(mapping: Any) -> bytes | None:
    """Return bytes that only an equal mapping has, key order and types of numbers included.

    Returns None if the mapping cannot be written or is too large. The bytes are compared, never read.
    """
    try:
        content = marshal.dumps(mapping, _WITHOUT_REFERENCES)
    except ValueError:
        return None
    return content if len(content) <= _LARGEST else None
