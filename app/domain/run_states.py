"""States and kinds of a run, and the allowed transitions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class RunState(StrEnum):
    """State of a run, the recompute of an audience: the column ``run.state`` and the field ``status`` on the wire.

    | state | can become |
    |---|---|
    | new | running |
    | running | new, complete, failed |
    | complete | |
    | failed | |

    A running run becomes new when it is given back for a later attempt. A run whose lease expired is claimed again
    and stays ``running``.
    """

    NEW = "new"  # waits for its first claim, or for its next attempt
    RUNNING = "running"  # claimed by a worker
    COMPLETE = "complete"  # wrote its snapshot
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether the run has not ended."""
        return self in OPEN_STATES

    def can_become(self, state: RunState) -> bool:
        """Return whether the transition to another state is allowed. No state can become itself."""
        return state in TRANSITIONS[self]


OPEN_STATES = (RunState.NEW, RunState.RUNNING)

TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    RunState.NEW: frozenset({RunState.RUNNING}),
    RunState.RUNNING: frozenset({RunState.NEW, RunState.COMPLETE, RunState.FAILED}),
    RunState.COMPLETE: frozenset(),
    RunState.FAILED: frozenset(),
}


class RunKind(StrEnum):
    """Kind of a run: the column ``run.kind``."""

    DEFINITION = "definition"  # computes the audience's definition
    UPLOAD = "upload"  # reads an uploaded file of members
    PATCH = "patch"  # applies changes of single members
