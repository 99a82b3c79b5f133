"""The status of activations and syncs, as shown to users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from app.domain.activation_states import ActivationState
from app.domain.sync_states import ASIDE_KINDS, SyncKind, SyncState

Status = Literal["New", "Pending", "Running", "Complete", "Failed", "Disabled"]

#: The word for a one-time send that was sent, whose status is ``Complete``.
FINISHED = "Finished"

#: Status of an activation by the state of its newest sync. Cancelled and superseded syncs are skipped.
TELLING: Mapping[SyncState, Status] = {
    SyncState.NEW: "Pending",
    SyncState.PENDING: "Pending",
    SyncState.HELD: "Pending",
    SyncState.RUNNING: "Running",
    SyncState.COMPLETE: "Complete",
    SyncState.FAILED: "Failed",
}

SyncWord = Literal[
    "New", "Pending", "On hold", "Running", "Complete", "Failed", "Cancelled", "Replaced"
]

#: State of a sync in words for people; on the wire, ``status`` is the state itself.
SYNC_WORDS: Mapping[SyncState, SyncWord] = {
    SyncState.NEW: "New",
    SyncState.PENDING: "Pending",
    SyncState.HELD: "On hold",
    SyncState.RUNNING: "Running",
    SyncState.COMPLETE: "Complete",
    SyncState.FAILED: "Failed",
    SyncState.CANCELLED: "Cancelled",
    SyncState.SUPERSEDED: "Replaced",
}

#: Kinds of syncs that do not change the status. A baseline sends nothing: the activation stays New after it.
SILENT_KINDS = (*ASIDE_KINDS, SyncKind.BASELINE)


def status_of(state: str, paused_by: str | None, sync_state: str | None) -> Status:
    """Return the status of an activation.

    ``state`` is the state of the activation, ``sync_state`` the state of its newest sync that is a key of
    :data:`TELLING` and not of the :data:`SILENT_KINDS`, or None. An activation in state ``error`` is Disabled if its
    account paused it (the credentials are refused), else Failed.
    """
    if state == ActivationState.ERROR:
        return "Disabled" if paused_by == "account" else "Failed"
    return "New" if sync_state is None else TELLING[SyncState(sync_state)]
