"""Rows with refused keys, as conditions of the engine."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.refused_keys import RefusedKeys, refused_sql
from app.snapshots.engine.sql import sql_name


def has_refused_key(refused: RefusedKeys, texts: Iterable[str], lists: Iterable[str] = ()) -> str:
    """Return the condition that a row has a refused key in one of some columns of texts, or of lists of texts."""
    conditions = [refused_sql(f"CAST({sql_name(column)} AS VARCHAR)", refused) for column in texts]
    conditions += [
        f"coalesce(list_bool_or(list_transform({sql_name(column)}, lambda x: {refused_sql('x', refused)})), false)"
        for column in lists
    ]
    return f"({' OR '.join(conditions) or 'false'})"
