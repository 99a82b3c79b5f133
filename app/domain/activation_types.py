"""The seven activation types of the contract, and the kinds of change that each sends."""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.changes import ChangeKind

SENDS: Mapping[str, frozenset[ChangeKind]] = {
    "Audience Entered": frozenset({ChangeKind.ENTERED}),
    "Audience Exited": frozenset({ChangeKind.EXITED}),
    "Audience Membership Changed": frozenset({ChangeKind.ENTERED, ChangeKind.EXITED}),
    "Entity Added": frozenset({ChangeKind.ENTERED}),
    "Entity Removed": frozenset({ChangeKind.EXITED}),
    "Entity Values Changed": frozenset({ChangeKind.UPDATED}),
    "All Events": frozenset(ChangeKind),
}


def kinds_sent(activation_type: str, *, updates: bool) -> frozenset[ChangeKind]:
    """Return the kinds of change that an activation sends: those of its type, and updates if it requests them."""
    kinds = SENDS[activation_type]
    return kinds | {ChangeKind.UPDATED} if updates else kinds
