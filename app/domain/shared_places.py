"""Shared places: how an activation treats the keys that it holds where another activation of the workspace has keys too."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from app.domain.changes import ChangeKind, Mode


class Keeping(StrEnum):
    """What becomes of the keys that an activation holds."""

    WHILE_WANTED = "while_wanted"  # it enters keys, and sends their exits
    FOR_EVER = "for_ever"  # it enters keys, and sends no exits
    LEFT_OVER = "left_over"  # mode remove: it holds only what an earlier mode left
    NOTHING = "nothing"  # it enters no keys, so its holdings only follow the audience


def keeping_of(mode: Mode, sends: Collection[ChangeKind]) -> Keeping:
    """Return how an activation treats what it holds. ``sends``: the kinds of change that it sends."""
    if mode is Mode.REMOVE:
        return Keeping.LEFT_OVER
    if ChangeKind.ENTERED not in sends:
        return Keeping.NOTHING
    if mode is Mode.APPEND or ChangeKind.EXITED not in sends:
        return Keeping.FOR_EVER
    return Keeping.WHILE_WANTED


def words_of(place: str) -> str:
    """Return a recorded place (``<account>:<kind>:<name>``) as words, such as ``the list AbC123``."""
    _, kind, name = place.split(":", 2)
    return "the list that is created for the connection" if kind == "made" else f"the {kind} {name}"
