"""The words in which people are told how an activation is doing."""

from __future__ import annotations

from typing import Literal

Status = Literal["New", "Pending", "Running", "Complete", "Failed", "Disabled"]

#: States of a sync that say how its activation is doing; one that was cancelled or superseded says nothing.
TELLING: dict[str, Status] = {
    "new": "Pending",
    "pending": "Pending",
    "held": "Pending",
    "running": "Running",
    "complete": "Complete",
    "failed": "Failed",
}


def status_of(state: str, paused_by: str | None, sync_state: str | None) -> Status:
    """The word for an activation in ``state``, by the newest of its syncs that tells.

    Disabled: the account's credentials are refused. Failed, too, where it is paused by an error of its own.
    """
    if state == "error":
        return "Disabled" if paused_by == "account" else "Failed"
    return "New" if sync_state is None else TELLING[sync_state]
