"""The shape and tone of each status word: a status is never shown by its colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Tone = Literal["good", "bad", "warn", "live", "quiet"]

#: ``(shape, tone)`` of the words in ``app/domain/status_words.py``, and of the contract for audiences; the shapes are drawn in ``templates/icons.html``.
SHAPES: Mapping[str, tuple[str, Tone]] = {
    "New": ("dots", "quiet"),
    "Pending": ("ring", "live"),
    "On hold": ("pause", "warn"),
    "Running": ("half", "live"),
    "Complete": ("check", "good"),
    "Finished": ("check", "good"),
    "Failed": ("cross", "bad"),
    "Cancelled": ("stop", "quiet"),
    "Replaced": ("skip", "quiet"),
    "Preparing": ("ring", "live"),
    "Computing": ("half", "live"),
    "Not Computing": ("dots", "quiet"),
    "Disabled": ("slash", "quiet"),
    # Of workers, parts of the installation, and notices
    "Live": ("check", "good"),
    "Silent": ("cross", "bad"),
    "Works": ("check", "good"),
    "Away": ("cross", "bad"),
    "Sent": ("check", "good"),
    "Waits": ("ring", "live"),
    # Of a profile in an activation
    "There": ("check", "good"),
    "Wanted": ("ring", "live"),
    "Delivered": ("check", "good"),
    "Rejected": ("cross", "bad"),
    "Skipped": ("skip", "quiet"),
}


def shape_of(word: str) -> tuple[str, Tone]:
    """Return the shape and tone of a status word, a plain dot for any other word."""
    return SHAPES.get(word, ("dot", "quiet"))
