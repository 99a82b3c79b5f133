"""JSON that clients send: parsed strictly, and limited in depth and length before validation."""

from __future__ import annotations

import json
import math
from typing import Any

from app.core.errors import BadRequest, Invalid

MAX_DEPTH = 32
MAX_ITEMS = 10_000
MAX_TEXT = 65_536


def parse_json(text: bytes, what: str = "the body") -> Any:
    """Parse a JSON text that a client sent, which messages call ``what``.

    Raises BadRequest if it is not valid JSON, and Invalid if it exceeds the limits of ``check_value``.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{what} is not valid JSON: {_where(error)}") from None
    check_value(value)
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _where(error: ValueError | RecursionError) -> str:
    """Return the place of a fault in a JSON text, and the fault."""
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def check_value(value: Any) -> None:
    """Check that a JSON value can be stored.

    Raises Invalid, with the path of the field, if the value is nested too deeply, is too long, or contains a NUL
    character, a lone surrogate or an infinite number.
    """
    try:
        _check(value, 0)
    except _Fault as fault:
        path = ".".join(reversed(fault.path))
        raise Invalid(
            f'"{path}": {fault.message}' if path else fault.message, field=path or None
        ) from None


class _Fault(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.path: list[str] = []


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _Fault("the number is too large")
    elif isinstance(value, dict):
        _check_size(value, depth)
        for key, item in value.items():
            _check_text(key)
            _descend(key, item, depth)
    elif isinstance(value, list):
        _check_size(value, depth)
        for index, item in enumerate(value):
            _descend(str(index), item, depth)


def _descend(name: str, item: Any, depth: int) -> None:
    try:
        _check(item, depth + 1)
    except _Fault as fault:
        fault.path.append(name)
        raise


def _check_size(value: dict[str, Any] | list[Any], depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise _Fault(f"nested deeper than {MAX_DEPTH} levels")
    if len(value) > MAX_ITEMS:
        raise _Fault(f"more than {MAX_ITEMS} entries")


def _check_text(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise _Fault(f"longer than {MAX_TEXT} characters")
    if "\x00" in text:
        raise _Fault("contains a NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _Fault("contains half of a surrogate pair")
