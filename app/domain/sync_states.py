"""States and kinds of a sync, and the allowed transitions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class SyncState(StrEnum):
    """State of a sync: the column ``sync.state`` and the field ``status`` on the wire.

    | state | can become |
    |---|---|
    | new | pending, held, complete, failed, cancelled, superseded |
    | pending | running, complete, failed, cancelled, superseded |
    | held | pending, failed, cancelled, superseded |
    | running | complete, failed, cancelled |
    | complete | |
    | failed | |
    | cancelled | |
    | superseded | |

    A new sync becomes complete only if it is a dry run. A running sync that is closed early keeps its state until it
    is settled; ``Sync.closing`` holds the state that it will get.
    """

    NEW = "new"  # not planned yet
    PENDING = "pending"  # planned or approved, no batch claimed yet
    HELD = "held"  # on hold: the brake stopped the plan until it is approved
    RUNNING = "running"  # at least one batch was claimed
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"  # by a user, or because the activation was stopped or deleted
    SUPERSEDED = "superseded"  # replaced by a newer sync before anything was sent

    @property
    def is_open(self) -> bool:
        """Whether the sync has not ended."""
        return self in OPEN_STATES

    @property
    def is_unsent(self) -> bool:
        """Whether the sync is open and no batch of it was ever claimed, so that it can end at once."""
        return self in UNSENT_STATES

    def can_become(self, state: SyncState) -> bool:
        """Return whether the transition to another state is allowed. No state can become itself."""
        return state in TRANSITIONS[self]


OPEN_STATES = (SyncState.NEW, SyncState.PENDING, SyncState.HELD, SyncState.RUNNING)
UNSENT_STATES = (SyncState.NEW, SyncState.PENDING, SyncState.HELD)
#: States in which batches may be claimed, and in which a sync without open batches is settled.
DELIVERY_STATES = (SyncState.PENDING, SyncState.RUNNING)
FINAL_STATES = (
    SyncState.COMPLETE,
    SyncState.FAILED,
    SyncState.CANCELLED,
    SyncState.SUPERSEDED,
)

TRANSITIONS: Mapping[SyncState, frozenset[SyncState]] = {
    SyncState.NEW: frozenset({SyncState.PENDING, SyncState.HELD, *FINAL_STATES}),
    SyncState.PENDING: frozenset({SyncState.RUNNING, *FINAL_STATES}),
    SyncState.HELD: frozenset(
        {SyncState.PENDING, SyncState.FAILED, SyncState.CANCELLED, SyncState.SUPERSEDED}
    ),
    SyncState.RUNNING: frozenset({SyncState.COMPLETE, SyncState.FAILED, SyncState.CANCELLED}),
    **{state: frozenset[SyncState]() for state in FINAL_STATES},
}


class SyncKind(StrEnum):
    """Kind of a sync: the column ``sync.kind`` and the field ``kind`` on the wire."""

    INCREMENTAL = "incremental"  # sends what differs from the holdings
    RESYNC = "resync"  # sends everything again
    BASELINE = "baseline"  # records the current members as delivered and sends nothing
    DRY_RUN = "dry_run"  # plans and reports, and sends nothing
    TEST = "test"  # a test send: one change of one profile


#: Kinds of syncs that say nothing about how far the activation is reconciled.
ASIDE_KINDS = (SyncKind.DRY_RUN, SyncKind.TEST)
