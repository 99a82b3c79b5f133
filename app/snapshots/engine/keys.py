"""Destination keys as they are written in files: value, identity type and place."""

from __future__ import annotations

from app.snapshots.engine.plan_values import PlannedChange

MEMBER = "member"  # the identity type of a key that is the member id


def key_value(k: str, key_type: str | None, place: str | None) -> str:
    """Return the value of a written key."""
    suffix = f"\x1f{key_type or MEMBER}\x1f{place or ''}"
    return k.removesuffix(suffix)


def key_position(change: PlannedChange) -> str:
    """Write a key as in the sorted files: a member id without a place is the key itself."""
    if change.key_type == MEMBER and change.place is None:
        return change.key
    return f"{change.key}\x1f{change.key_type}\x1f{change.place or ''}"
