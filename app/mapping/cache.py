"""Remembers compiled mappings by what they hold, for callers that keep none themselves."""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from app.mapping.transform import CompiledMapping

_MOST: Final = 256
_LARGEST: Final = 65_536
_WITHOUT_REFERENCES: Final = 2

_remembered: dict[bytes, CompiledMapping] = {}


def fingerprint(mapping: Any) -> bytes | None:
    """Give bytes that only an equal mapping has, key order and kinds of numbers included.

    None where there are no such bytes or too many. They are compared, never read back.
    """
    try:
        content = marshal.dumps(mapping, _WITHOUT_REFERENCES)
    except ValueError:
        return None
    return content if len(content) <= _LARGEST else None


def recall(content: bytes | None) -> CompiledMapping | None:
    """Give what was made of an equal mapping before, if it is still here."""
    return None if content is None else _remembered.get(content)


def remember(content: bytes | None, compiled: CompiledMapping) -> None:
    """Keep a compiled mapping; when too many are kept, all start again."""
    if content is None:
        return
    if len(_remembered) >= _MOST:
        _remembered.clear()
    _remembered[content] = compiled
