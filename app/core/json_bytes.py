"""JSON as bytes, with integers of any size, which clients may send and uploads may contain."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson


def to_json(value: Any) -> bytes:
    """Encode a value as compact JSON in UTF-8."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # Only the general encoder writes integers beyond 64 bits.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def to_lines(rows: Iterable[Any]) -> bytes:
    """Encode values as NDJSON, one on each line."""
    return b"".join(to_json(row) + b"\n" for row in rows)
