"""Samples of keys and of members of a partner, as reports show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.normalise import Normaliser
from app.snapshots.engine import (
    MEMBER,
    Cursor,
    key_value,
    sql_name,
)

SAMPLES = 100


def sample_keys(cursor: Cursor, of: str) -> list[dict[str, Any]]:
    """Read the first keys of a part of the holdings. Returns ``{"key_type", "key", "profile_id"}`` for each."""
    rows = cursor.execute(
        f"SELECT k, key_type, place, member_id, profile_id {of} ORDER BY k LIMIT {SAMPLES:d}"
    ).fetchall()
    samples = []
    for k, key_type, place, member, profile in rows:
        key = key_value(k, key_type, place)
        samples.append(
            {
                "key_type": key_type or MEMBER,
                "key": key,
                "profile_id": profile or member or key,
            }
        )
    return samples


def sample_members(
    cursor: Cursor, of: str, fields: Mapping[str, Normaliser]
) -> list[dict[str, Any]]:
    """Read the first members of a part of the list. Returns ``{"partner_id", "identifiers": {type: value}}`` for each."""
    shown = ", ".join(sql_name(field) for field in fields)
    rows = cursor.execute(
        f"SELECT partner_id, {shown} {of} ORDER BY n LIMIT {SAMPLES:d}"
    ).fetchall()
    return [
        {
            "partner_id": partner,
            "identifiers": {
                field: value
                for field, value in zip(fields, values, strict=True)
                if value is not None
            },
        }
        for partner, *values in rows
    ]
