"""States of a batch, and the allowed transitions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class BatchState(StrEnum):
    """State of a batch: the column ``batch.state``.

    | state | can become |
    |---|---|
    | waiting | sending |
    | sending | waiting, settled |
    | settled | |

    A batch whose lease expired is claimed again and stays ``sending``; whether the first claim sent it is unknown.
    A waiting batch may have been attempted before: see ``Batch.ambiguous`` and ``Batch.attempts``.
    """

    WAITING = "waiting"  # for its first claim, or for its next attempt
    SENDING = "sending"  # claimed by a worker
    RECORDED = "settled"  # its receipts are written

    @property
    def is_open(self) -> bool:
        """Whether the batch is not recorded."""
        return self is not BatchState.RECORDED

    def can_become(self, state: BatchState) -> bool:
        """Return whether the transition to another state is allowed. No state can become itself."""
        return state in TRANSITIONS[self]


OPEN_STATES = (BatchState.WAITING, BatchState.SENDING)

TRANSITIONS: Mapping[BatchState, frozenset[BatchState]] = {
    BatchState.WAITING: frozenset({BatchState.SENDING}),
    BatchState.SENDING: frozenset({BatchState.WAITING, BatchState.RECORDED}),
    BatchState.RECORDED: frozenset(),
}


class BatchEnd(StrEnum):
    """What a batch's row says about its changes when its sync ends."""

    RECORDED = "settled"  # its receipts say what became of each change
    ATTEMPTED = "attempted"  # an attempt had no definite response: its changes are unknown
    UNTOUCHED = "untouched"  # nothing was sent
