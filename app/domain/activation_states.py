"""States of an activation, and the allowed transitions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ActivationState(StrEnum):
    """State of an activation: the column ``activation.state`` and the field ``state`` on the wire.

    | state | can become |
    |---|---|
    | inactive | active, error |
    | active | inactive, error |
    | error | inactive, active |

    An inactive activation comes to ``error`` if a batch that was in flight when it was disabled is refused.
    """

    INACTIVE = "inactive"  # not enabled, or deleted
    ACTIVE = "active"
    ERROR = "error"  # paused until it is enabled again, or its account is repaired

    def can_become(self, state: ActivationState) -> bool:
        """Return whether the transition to another state is allowed. No state can become itself."""
        return state in TRANSITIONS[self]


TRANSITIONS: Mapping[ActivationState, frozenset[ActivationState]] = {
    state: frozenset(ActivationState) - {state} for state in ActivationState
}


class Activity(StrEnum):
    """The lists of activations that people look at: ``activity`` on the wire."""

    ACTIVE = "active"  # sends, or will send again
    FINISHED = "finished"  # a one-time send that was sent
    INACTIVE = "inactive"  # all others, such as one that was disabled
    ERROR = "error"  # stopped by an error
