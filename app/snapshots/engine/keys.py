"""Destination keys as text: how a key is written in files, and read back."""

from __future__ import annotations

from app.snapshots.engine.types import PlannedChange

MEMBER = "member"  # the identity type of a key that is the member id


def key_value(k: str, key_type: str | None, place: str | None) -> str:
    """The value in a key's text."""
    suffix = f"\x1f{key_type or MEMBER}\x1f{place or ''}"
    return k.removesuffix(suffix)


def key_position(change: PlannedChange) -> str:
    """The key's text in the order of the files: the key itself where it is a member id and has no place."""
    if change.key_type == MEMBER and change.place is None:
        return change.key
    return f"{change.key}\x1f{change.key_type}\x1f{change.place or ''}"
