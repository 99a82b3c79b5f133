"""Parts of a mapping that are only a path, and can therefore become a column of a query."""

from __future__ import annotations

from typing import Any

from app.mapping.paths import split_path, without_root
from app.mapping.values import METADATA


def plain_path(value: Any) -> tuple[str, ...] | None:
    """Return the keys of a value that is exactly `{"@path": "<text>"}`, else None.

    The key `_metadata` is ignored. An empty tuple means the whole payload.
    """
    if not isinstance(value, dict) or set(value) - {METADATA} != {"@path"}:
        return None
    path = value["@path"]
    return split_path(without_root(path)) if isinstance(path, str) else None
