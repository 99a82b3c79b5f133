"""Long numbers of NDJSON: they are written as texts before the engine reads them, since it would change them."""

from __future__ import annotations

from typing import Any

import orjson

from app.core.long_numbers import loads_long, long_paths
from app.snapshots.reading.source import Source

LONG_NUMBER = "long_number"  # the reason in reports


def with_texts(line: bytes) -> tuple[bytes, list[str]]:
    """Return a line with its long numbers as texts, and the columns that have them. Other numbers keep their form."""
    try:
        row: Any = loads_long(line, orjson.Fragment, orjson.Fragment)
    except ValueError:
        return line, []  # the engine's error names the line
    columns = list(dict.fromkeys(path[0] for path in long_paths(row) if path))
    if not isinstance(row, dict) or not columns:
        return line, []
    return orjson.dumps(row) + b"\n", columns


def long_columns(source: Source) -> set[str]:
    """Return the columns of an opened upload that have long numbers."""
    return {column for column, reasons in source.replaced.items() if LONG_NUMBER in reasons}
