"""JSON in its canonical form."""

from __future__ import annotations

import orjson


def canonical_json(value: str) -> str:
    """JSON text with sorted keys and no blanks; for the engine, which has no such function."""
    return orjson.dumps(orjson.loads(value), option=orjson.OPT_SORT_KEYS).decode()
