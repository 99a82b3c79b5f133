"""Values of a written plan: its batches, counts and changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from app.domain.changes import ChangeKind
from app.domain.key_rules import RuleChanges


@dataclass(frozen=True, slots=True)
class Cut:
    """A batch's rows in the plan, of one kind and one place. ``kind`` None: all kinds.

    ``takes_over``: all are entries of new owners of held keys.
    """

    kind: ChangeKind | None
    first_row: int
    rows: int
    place: str | None = None
    takes_over: bool = False


@dataclass(frozen=True, slots=True)
class Cuts(Sequence[Cut]):
    """The batches of a plan, as runs that are divided into equal parts: a plan of many small calls has millions of them.

    A run has all of its rows; ``most`` is the limit of rows of a batch.
    """

    runs: tuple[Cut, ...]
    most: int

    def __len__(self) -> int:
        return sum(-(-run.rows // self.most) for run in self.runs)

    def __iter__(self) -> Iterator[Cut]:
        for run in self.runs:
            for done in range(0, run.rows, self.most):
                rows = min(self.most, run.rows - done)
                yield Cut(run.kind, run.first_row + done, rows, run.place, run.takes_over)

    @overload
    def __getitem__(self, index: int) -> Cut: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cut]: ...
    def __getitem__(self, index: int | slice) -> Cut | list[Cut]:
        return list(self)[index]


@dataclass(frozen=True, slots=True)
class PlanStats:
    """Counts of a written plan. ``left_out`` has counts by reason (``LeftOut``)."""

    entered: int
    exited: int
    updated: int
    silent: int
    wanted: int
    held: int  # keys held (yes or maybe) before this plan
    left_out: Mapping[str, int]
    cuts: Sequence[Cut]
    leaving: int = 0  # members that exit and do not stay under another key
    of_members: int = (
        0  # members held before this plan, in mode remove members wanted; 0 without exits
    )
    moves: bool = False  # a profile leaves under one key and enters under another
    rules: frozenset[str] = frozenset()  # that decided the keys (``app.domain.key_rules``)
    rule_changes: RuleChanges = field(default_factory=RuleChanges)  # of keys held under older rules
    #: Rows of the holdings that change at once, because another activation holds their keys at the same place.
    withheld: int = 0
    #: Positions of the sharers (``plans.sharing``) that changes wait for: when one of them moves, more may be sent.
    waits_for: Sequence[int] = ()

    @property
    def runs(self) -> Sequence[Cut]:
        """The rows of ``cuts`` in fewer parts, each still of one kind and one place."""
        return self.cuts.runs if isinstance(self.cuts, Cuts) else self.cuts

    @property
    def changes(self) -> int:
        """Changes that will be sent."""
        return self.entered + self.exited + self.updated


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One row of a plan, as it is read for delivery."""

    row: int
    kind: ChangeKind
    key_type: str
    key: str
    member_id: str
    profile_id: str
    place: str | None
    identity: Mapping[str, Any]
    traits: Mapping[str, Any]
    entities: Mapping[str, Any]
    partner_id: str | None
    old_held: str | None = None  # the row of the key in the holdings before the plan, and its sync
    old_sync: int | None = None
    filled: Sequence[str] = ()  # the fields that have a value (``domain.sent_fields``)
    old_filled: Sequence[str] = ()  # those that the partner has
