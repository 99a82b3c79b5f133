"""Paths: split into pieces once, then looked up in each payload."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from app.mapping.text import in_units, units
from app.mapping.values import ABSENT

_SEPARATOR: Final = re.compile(r"""\.|\[(?=["'0-9])|(?<=["'0-9])\]+""")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,14}")
_QUOTES: Final = str.maketrans("", "", "\"'")


def without_root(path: str) -> str:
    """Remove the root marker: the first `$.`, at any position."""
    return path.replace("$.", "", 1)


def split_path(path: str) -> tuple[str, ...]:
    """Split a path without root marker into its keys. An empty tuple means the whole payload."""
    return tuple(piece.translate(_QUOTES) for piece in _SEPARATOR.split(path) if piece)


def walk(value: Any, pieces: tuple[str, ...]) -> Any:
    """Look up the pieces one by one. A falsy value on the way is the result."""
    for piece in pieces:
        if isinstance(value, dict):
            value = value.get(piece, ABSENT)
        elif isinstance(value, list):
            value = _in_list(value, piece)
        elif not value:
            return value
        elif isinstance(value, str):
            value = _in_string(value, piece)
        else:
            return ABSENT
    return value


def _in_list(items: list[Any], piece: str) -> Any:
    if _INDEX.fullmatch(piece):
        index = int(piece)
        return items[index] if index < len(items) else ABSENT
    return len(items) if piece == "length" else ABSENT


def _in_string(text: str, piece: str) -> Any:
    if _INDEX.fullmatch(piece):
        characters = in_units(text)
        index = int(piece)
        return characters[index] if index < len(characters) else ABSENT
    return units(text) if piece == "length" else ABSENT


def lookup(pieces: tuple[str, ...]) -> Callable[[Any], Any]:
    """Compile pieces into a function of the payload. Paths of one key have a faster function."""
    if not pieces:
        return lambda payload: payload
    if len(pieces) > 1:
        return lambda payload: walk(payload, pieces)
    piece = pieces[0]

    def look_up_one(payload: Any) -> Any:
        if isinstance(payload, dict):
            return payload.get(piece, ABSENT)
        return walk(payload, pieces)

    return look_up_one
