"""Progress of a batch of many calls: which rows have receipts, which may have arrived, and which were not tried.

Rows are counted from the first row of the batch. A range is ``(first, end)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeAlias

Range: TypeAlias = tuple[int, int]


@dataclass(slots=True)
class CallProgress:
    """What became of the calls of a batch. A row that neither part names was not tried.

    ``done``: calls with receipts. ``unknown``: calls that may have arrived. The rest is by the first row of a call:
    ``refusals``: how often in a row it was refused as a whole, or not confirmed; ``handles``: with which a call is continued.
    ``fruitful`` is the number of the last attempt with a confirmed call. ``mixed``: after the first refused call, more calls
    were confirmed than refused, so that the refused calls are the cause of their refusal.
    """

    done: list[Range] = field(default_factory=list)
    unknown: list[Range] = field(default_factory=list)
    refusals: dict[int, int] = field(default_factory=dict)
    handles: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    fruitful: int = 0
    mixed: bool = False

    @property
    def rows_done(self) -> int:
        """Number of rows with receipts."""
        return sum(end - first for first, end in self.done)

    def finish(self, call: Range) -> None:
        """Note that a call has receipts."""
        self.done.append(call)
        if call in self.unknown:
            self.unknown.remove(call)
        self.refusals.pop(call[0], None)
        self.handles.pop(call[0], None)

    def doubt(self, call: Range) -> None:
        """Note that a call may have arrived."""
        if call not in self.unknown:
            self.unknown.append(call)

    def to_json(self) -> dict[str, Any]:
        """Return the progress as JSON, with joined ranges: ``{"done": [[0, 40]], "unknown": [[41, 42]], …}``."""
        return {
            "done": [list(one) for one in joined(self.done)],
            "unknown": [list(one) for one in sorted(self.unknown)],
            "refusals": {str(first): count for first, count in self.refusals.items()},
            "handles": {str(first): dict(handle) for first, handle in self.handles.items()},
            "fruitful": self.fruitful,
            "mixed": self.mixed,
        }


def read_progress(kept: Mapping[str, Any] | None) -> CallProgress:
    """Read what ``CallProgress.to_json`` wrote; None is the progress of a batch that was never attempted."""
    if not kept:
        return CallProgress()
    return CallProgress(
        done=[(first, end) for first, end in kept["done"]],
        unknown=[(first, end) for first, end in kept["unknown"]],
        refusals={int(first): count for first, count in kept["refusals"].items()},
        handles={int(first): handle for first, handle in kept["handles"].items()},
        fruitful=kept["fruitful"],
        mixed=kept["mixed"],
    )


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges in order; those that touch are one.

    >>> joined([(2, 4), (0, 2), (5, 6)])
    [(0, 4), (5, 6)]
    """
    result: list[Range] = []
    for first, end in sorted(ranges):
        if result and result[-1][1] == first:
            result[-1] = (result[-1][0], end)
        else:
            result.append((first, end))
    return result


def calls_of(rows: int, per_call: int) -> list[Range]:
    """Return the calls of a batch of ``rows``, each of ``per_call`` rows but the last.

    >>> calls_of(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(first, min(first + per_call, rows)) for first in range(0, rows, per_call)]


def left_calls(calls: Sequence[Range], progress: CallProgress) -> list[Range]:
    """Return the calls without receipts, in order."""
    done = joined(progress.done)
    return [call for call in calls if not any(one[0] <= call[0] < one[1] for one in done)]


def in_turn(left: Sequence[Range], progress: CallProgress, attempt: int) -> list[Range]:
    """Return left calls in the order of an attempt: those that did not fail first, then the others, each time another one first.

    So a call that fails again and again keeps no other from its turn, if an attempt ends early.

    >>> in_turn([(0, 1), (1, 2), (2, 3)], CallProgress(unknown=[(0, 1)], refusals={1: 1}), 3)
    [(2, 3), (1, 2), (0, 1)]
    """
    behind = {first for first, _ in progress.unknown} | progress.refusals.keys()
    failed = [call for call in left if call[0] in behind]
    turn = attempt % len(failed) if failed else 0
    return [*(call for call in left if call[0] not in behind), *failed[turn:], *failed[:turn]]


def fates(rows: int, progress: CallProgress) -> Iterator[tuple[Range, str]]:
    """Yield each range of rows of a batch with its fate: ``done``, ``unknown`` or ``untried``, in order."""
    named = [(one, "done") for one in joined(progress.done)]
    named += [(one, "unknown") for one in joined(progress.unknown)]
    named = sorted([((0, 0), ""), *named, ((rows, rows), "")])
    for (before, fate), (after, _) in pairwise(named):
        if fate:
            yield before, fate
        if before[1] < after[0]:
            yield (before[1], after[0]), "untried"
