"""Canonical JSON."""

from __future__ import annotations

import orjson


def canonical_json(value: str) -> str:
    """Rewrite JSON text with sorted keys and without blanks. The engine calls it from SQL."""
    return orjson.dumps(orjson.loads(value), option=orjson.OPT_SORT_KEYS).decode()
