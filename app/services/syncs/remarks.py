"""Remarks on single changes, counted and sampled when a sync ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.snapshots.holdings import RENAMED_CODE, RENAMED_WORDS, UNCONFIRMED
from app.storage.models import Batch

SAMPLES = 100
PARTS = ("rejected", "unknown", "notes")  # of receipts


class Remarks:
    """The remarks on the changes of a sync, by part of the receipts: counts by reason, and up to 100 samples.

    The rows ``unconfirmed`` are rejected with the partner's words, and not unknown any more. The rows ``renamed`` are unknown,
    although the partner said nothing.
    """

    def __init__(
        self, unconfirmed: frozenset[int] = frozenset(), renamed: frozenset[int] = frozenset()
    ) -> None:
        self._unconfirmed, self._renamed = unconfirmed, renamed
        self._found = {part: _Found() for part in PARTS}

    def take(self, batches: Sequence[Batch]) -> None:
        """Add the remarks of the next batches."""
        for part, found in self._found.items():
            found.take(_remarks(batches, self._unconfirmed, part))

    def end(self) -> None:
        """Add the remarks on renamed rows, after those of all batches."""
        for part, found in self._found.items():
            found.take(_of_renamed(self._renamed, self._unconfirmed, part))

    def of(self, part: str) -> dict[str, Any] | None:
        """Return ``{counts, samples}`` of a part; None if it is empty. Each sample has its row in the plan."""
        found = self._found[part]
        return {"counts": dict(found.counts), "samples": found.samples} if found.counts else None


class _Found:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.samples: list[dict[str, Any]] = []

    def take(self, remarks: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        for row, remark in remarks:
            self.counts[remark["code"]] += 1
            if len(self.samples) < SAMPLES:
                self.samples.append({"row": row, **remark})


def _of_renamed(
    renamed: frozenset[int], unconfirmed: frozenset[int], part: str
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield row and remark of the changes whose profiles were renamed, if a part names them."""
    chosen = {"unknown": renamed - unconfirmed, "rejected": renamed & unconfirmed}
    code = UNCONFIRMED if part == "rejected" else RENAMED_CODE
    for row in sorted(chosen.get(part, ())):
        yield row, {"code": code, "message": RENAMED_WORDS}


def _remarks(
    batches: Sequence[Batch], unconfirmed: frozenset[int], part: str
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield row and remark of each change that a part names."""
    parts = ("rejected", "unknown") if part == "rejected" else (part,)
    for batch in batches:
        for name in parts:
            for index, remark in ((batch.receipts or {}).get(name) or {}).items():
                row = batch.first_row + int(index)
                is_moved = name == "unknown" and row in unconfirmed
                if is_moved == (name != part):
                    yield row, {**remark, "code": UNCONFIRMED} if is_moved else remark
