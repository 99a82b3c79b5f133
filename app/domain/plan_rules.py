"""The decision table: what a plan does with a destination key, and how its outcome changes the holdings.

The engine builds its SQL from these functions. ``docs/architecture.md`` shows the table.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from app.domain.changes import ChangeKind, Disposition, Held, Mode


@dataclass(frozen=True, slots=True)
class Decision:
    """What a plan does with a key.

    ``kind`` is None if there is no change. A ``silent`` change is not sent, but folded into the holdings when the sync
    is settled. ``refused_before`` means that the key is left out, since the destination refused exactly these inputs.
    ``takes_over``: the entry of a new owner of a held key, which is recorded before another entry is claimed (R12).
    """

    kind: ChangeKind | None = None
    silent: bool = False
    refused_before: bool = False
    takes_over: bool = False


NOTHING = Decision()
#: Syncs in a row that send a change with equal inputs without a confirmation. After that it is rejected, because no row may
#: be sent, and billed, without end.
UNCONFIRMED_AFTER = 3
_AT_PARTNER = frozenset({Held.YES, Held.MAYBE, Held.LEFT})


def decide(
    wanted: bool,
    held: Held,
    *,
    hash_differs: bool,
    refused_same: bool,
    mode: Mode,
    sends: Collection[ChangeKind],
    resync: bool = False,
    baseline: bool = False,
    retry_refused: bool = False,
    other_owner: bool = False,
) -> Decision:
    """Decide what a plan does with one key.

    ``held``: the state in the holdings; NO also if there is no row.
    ``hash_differs``: the inputs differ from those that were sent last.
    ``refused_same``: the destination refused exactly these inputs.
    ``sends``: the kinds that are sent; UPDATED is among them only if updates are sent.
    ``resync``: treat ``yes`` like ``maybe``, send refused inputs again, and in mode remove treat ``removed`` like no row.
    ``baseline``: record wanted keys as delivered, and send nothing.
    ``other_owner``: the row of the key belongs to another profile than the one that is wanted.
    """
    if baseline:
        return _baseline(wanted, held)
    if mode is Mode.REMOVE:
        return _remove(wanted, held, sends, resync)
    if not wanted:
        return _unwanted(held, mode, sends)
    kind = _wanted(held, hash_differs, sends, resync, other_owner)
    if kind is None:
        return NOTHING
    # The row of a key that is not held names the profile that was refused: another profile is tried once.
    tried = refused_same and not (other_owner and held is Held.NO)
    if tried and not (retry_refused or resync):
        return Decision(refused_before=True)
    decision = _sent_or_silent(kind, held, sends)
    if other_owner and held in _AT_PARTNER and decision == Decision(ChangeKind.ENTERED):
        return replace(decision, takes_over=True)
    return decision


def _baseline(wanted: bool, held: Held) -> Decision:
    if wanted and held in {Held.NO, Held.REMOVED, Held.LEFT}:
        return Decision(ChangeKind.ENTERED, silent=True)
    return NOTHING


def _remove(wanted: bool, held: Held, sends: Collection[ChangeKind], resync: bool) -> Decision:
    if not wanted:
        return _dropped(held)
    if held is Held.REMOVED and not resync:
        return NOTHING
    return _sent_or_silent(ChangeKind.EXITED, held, sends)


def _unwanted(held: Held, mode: Mode, sends: Collection[ChangeKind]) -> Decision:
    if held in _AT_PARTNER and mode is Mode.MAINTAIN:
        return _sent_or_silent(ChangeKind.EXITED, held, sends)
    return _dropped(held)


def _dropped(held: Held) -> Decision:
    """Drop rows that only remember a removal or a refusal, once the key is not wanted any more."""
    if held in {Held.REMOVED, Held.NO}:
        return Decision(ChangeKind.EXITED, silent=True)
    return NOTHING


def _wanted(
    held: Held,
    hash_differs: bool,
    sends: Collection[ChangeKind],
    resync: bool,
    other_owner: bool,
) -> ChangeKind | None:
    if held is not Held.YES or ((resync or other_owner) and ChangeKind.ENTERED in sends):
        return ChangeKind.ENTERED
    if hash_differs and ChangeKind.UPDATED in sends:
        return ChangeKind.UPDATED
    # The type sends no entries: the holdings follow the owner unsent.
    return ChangeKind.ENTERED if other_owner else None


def _sent_or_silent(kind: ChangeKind, held: Held, sends: Collection[ChangeKind]) -> Decision:
    if kind in sends:
        return Decision(kind)
    if kind is ChangeKind.EXITED and held is Held.REMOVED:
        return NOTHING
    return Decision(kind, silent=True)


class Row(StrEnum):
    """What folding does to the row of a key in the holdings."""

    KEEP = "keep"  # unchanged, or no row
    GONE = "gone"
    YES = "yes"
    MAYBE = "maybe"
    REMOVED = "removed"
    REFUSED = "refused"  # unchanged (or a new row, held no), with the hash of the refused inputs


def fold(
    kind: ChangeKind,
    disposition: Disposition,
    *,
    mode: Mode,
    wanted: bool,
    held: Held = Held.YES,
) -> Row:
    """Return what the outcome of a change does to the row of its key.

    ``wanted`` only matters for silent exits: in mode remove, a wanted key becomes ``removed``, and the row of an
    unwanted key is deleted. A baseline folds like a silent entry: as ``yes``, in mode remove as ``removed``. ``held``
    only matters for updates: only a test send updates a key that is not held, and that does not make it held.
    """
    if kind is ChangeKind.UPDATED and held is not Held.YES:
        return _tried(disposition)
    if disposition is Disposition.PENDING or disposition is Disposition.SKIPPED:
        return Row.KEEP
    if disposition is Disposition.UNKNOWN:
        return Row.MAYBE
    if disposition is Disposition.REJECTED:
        return Row.KEEP if kind is ChangeKind.EXITED else Row.REFUSED
    if mode is Mode.REMOVE:
        return Row.REMOVED if wanted else Row.GONE
    return Row.GONE if kind is ChangeKind.EXITED else Row.YES


def _tried(disposition: Disposition) -> Row:
    """Fold an update of a key that is not held. Some partners add it to the list, others ignore the update."""
    reached = disposition in {Disposition.DELIVERED, Disposition.UNKNOWN, Disposition.SILENT}
    return Row.MAYBE if reached else Row.KEEP
