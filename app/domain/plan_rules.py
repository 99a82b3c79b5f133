"""The decision table: what a plan does with one destination key, and how the end of a change folds into the holdings.

The engine says the same in set-based SQL (``app.snapshots.plan`` and ``app.snapshots.holdings``); a property test
holds the two together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from app.domain.changes import ChangeKind, Disposition, Held, Mode


@dataclass(frozen=True, slots=True)
class Decision:
    """What a plan does with a key.

    ``kind`` None: nothing. ``silent``: not sent, folded into the holdings at the end. ``refused_before``: left out,
    because the destination refused these very inputs; counted.
    """

    kind: ChangeKind | None = None
    silent: bool = False
    refused_before: bool = False


NOTHING = Decision()


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
) -> Decision:
    """The table of the architecture's section 3 for one key.

    ``held`` NO stands for no row too. ``hash_differs``: the inputs differ from those that were sent last.
    ``refused_same``: the destination refused exactly these inputs. ``sends`` are the kinds that go out; UPDATED among
    them means that updates do. ``resync`` reads ``yes`` as ``maybe``, asks again for what was refused and, in mode
    remove, reads ``removed`` as no row. ``baseline`` takes the wanted as there already and sends nothing.
    """
    if baseline:
        return _baseline(wanted, held)
    if mode is Mode.REMOVE:
        return _remove(wanted, held, sends, resync)
    if not wanted:
        return _unwanted(held, mode, sends)
    kind = _wanted(held, hash_differs, sends, resync)
    if kind is None:
        return NOTHING
    if refused_same and not (retry_refused or resync):
        return Decision(refused_before=True)
    return _sent_or_silent(kind, held, sends)


def _baseline(wanted: bool, held: Held) -> Decision:
    if wanted and held in {Held.NO, Held.REMOVED}:
        return Decision(ChangeKind.ENTERED, silent=True)
    return NOTHING


def _remove(wanted: bool, held: Held, sends: Collection[ChangeKind], resync: bool) -> Decision:
    if not wanted:
        return _dropped(held)
    if held is Held.REMOVED and not resync:
        return NOTHING
    return _sent_or_silent(ChangeKind.EXITED, held, sends)


def _unwanted(held: Held, mode: Mode, sends: Collection[ChangeKind]) -> Decision:
    if held in {Held.YES, Held.MAYBE} and mode is Mode.MAINTAIN:
        return _sent_or_silent(ChangeKind.EXITED, held, sends)
    return _dropped(held)


def _dropped(held: Held) -> Decision:
    """Rows that only remember (removed; refused) go when nobody wants the key any more."""
    if held in {Held.REMOVED, Held.NO}:
        return Decision(ChangeKind.EXITED, silent=True)
    return NOTHING


def _wanted(
    held: Held, hash_differs: bool, sends: Collection[ChangeKind], resync: bool
) -> ChangeKind | None:
    if held is not Held.YES or (resync and ChangeKind.ENTERED in sends):
        return ChangeKind.ENTERED
    if hash_differs and ChangeKind.UPDATED in sends:
        return ChangeKind.UPDATED
    return None


def _sent_or_silent(kind: ChangeKind, held: Held, sends: Collection[ChangeKind]) -> Decision:
    if kind in sends:
        return Decision(kind)
    if kind is ChangeKind.EXITED and held is Held.REMOVED:
        return NOTHING
    return Decision(kind, silent=True)


class Row(StrEnum):
    """What folding does to a key's row in the holdings."""

    KEEP = "keep"  # as it was, or none
    GONE = "gone"
    YES = "yes"
    MAYBE = "maybe"
    REMOVED = "removed"
    REFUSED = "refused"  # as it was (or a new row, held no), and the refused hash is remembered


def fold(
    kind: ChangeKind,
    disposition: Disposition,
    *,
    mode: Mode,
    wanted: bool,
    held: Held = Held.YES,
) -> Row:
    """How the end of a change changes the key's row.

    ``wanted`` matters for silent exits alone: in mode remove a wanted key becomes ``removed`` and an unwanted row goes.
    A baseline folds like any silent entry, as ``yes``, but in mode remove as ``removed``. ``held`` matters for updates
    alone: only a test send updates what is not held, and that makes nobody a member.
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
    """An update of what is not held: some partners make a member of it, and some do nothing at all."""
    reached = disposition in {Disposition.DELIVERED, Disposition.UNKNOWN, Disposition.SILENT}
    return Row.MAYBE if reached else Row.KEEP
