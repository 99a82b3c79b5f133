"""Values of the fold: what is known of each batch, and the counts of the written outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.batch_states import BatchEnd
from app.domain.changes import Disposition


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What is known of a batch when its sync is folded. Indexes count from the batch's first row."""

    number: int
    first_row: int
    rows: int
    state: BatchEnd
    rejected: Mapping[int, tuple[str, str]] = field(default_factory=dict)  # code, message
    skipped: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    unknown: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    notes: Mapping[int, tuple[str, str]] = field(default_factory=dict)  # on delivered changes
    partner_ids: Mapping[int, str] = field(default_factory=dict)
    identities: Mapping[int, Mapping[str, str]] = field(default_factory=dict)  # if not all accepted
    #: Names of the fields that had a value, where they differ from the plan's.
    filled: Mapping[int, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoldStats:
    """Counts of a written outcome: rows by disposition, and the keys held and assumed afterwards.

    ``unconfirmed``: the rows of the plan that are rejected because no sync confirmed them. ``renamed``: the rows that were
    delivered, but whose profile may have been renamed since; ``renamed_before``: how many held keys of earlier syncs have
    such a profile; ``renamed_others``: the positions of other activations with such keys.
    """

    rows: int
    by_disposition: Mapping[Disposition, int]
    held: int
    assumed: int
    unconfirmed: frozenset[int] = frozenset()
    renamed: frozenset[int] = frozenset()
    renamed_before: int = 0
    renamed_others: tuple[int, ...] = ()
