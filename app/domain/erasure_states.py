"""States of an erasure, and the allowed transitions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ErasureState(StrEnum):
    """State of the erasure of a person: the column ``erasure.state``, and the field ``status`` on the wire.

    | state | can become |
    |---|---|
    | new | waiting, complete |
    | waiting | complete |
    | complete | |
    """

    NEW = "new"  # the first pass has not ended
    WAITING = "waiting"  # something is waited for: an exit, or work that reads a file
    COMPLETE = "complete"  # a whole pass found nothing of the person


class Awaited(StrEnum):
    """What an erasure waits for: the field ``reason`` of what it waits for on the wire."""

    RUN = "run"  # an open run may still bring the person
    SYNC = "sync"  # an open sync
    EXIT = "exit"  # the destination still holds the person, and the exit is not confirmed
    INACTIVE = (
        "activation_inactive"  # the destination holds the person, and the activation does not send
    )
    # work that began before may read the file that is to be deleted, or the file was written just now
    READER = "reader"


WORDS: Mapping[str, str] = {
    Awaited.RUN: "A run that began before may still bring the person.",
    Awaited.SYNC: "An open sync of the activation must end. If it is on hold, approve or cancel it.",
    Awaited.EXIT: "The destination may still hold the person: its exit is not confirmed. It is sent again.",
    Awaited.INACTIVE: "The destination still holds the person, and the activation does not send: enable it or delete it.",
    Awaited.READER: "Work that began before may read a file with the person, or the file was written just now. It is deleted afterwards.",
}
