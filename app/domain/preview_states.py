"""States of an audience preview, and the allowed transitions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class PreviewState(StrEnum):
    """State of an audience preview: the column ``audience_preview.status`` and the field ``status`` on the wire.

    | state | can become |
    |---|---|
    | RUNNING | COMPLETED, FAILED |
    | COMPLETED | |
    | FAILED | |
    """

    RUNNING = "RUNNING"  # from its creation on, also before a worker claims it
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"

    @property
    def is_open(self) -> bool:
        """Whether the preview has not ended."""
        return self is PreviewState.RUNNING

    def can_become(self, state: PreviewState) -> bool:
        """Return whether the transition to another state is allowed. No state can become itself."""
        return state in TRANSITIONS[self]


TRANSITIONS: Mapping[PreviewState, frozenset[PreviewState]] = {
    PreviewState.RUNNING: frozenset({PreviewState.COMPLETED, PreviewState.FAILED}),
    PreviewState.COMPLETED: frozenset(),
    PreviewState.FAILED: frozenset(),
}
