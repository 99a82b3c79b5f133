"""Remarks on single changes, counted and sampled when a sync ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.snapshots.holdings import RENAMED_CODE, RENAMED_WORDS, UNCONFIRMED
from app.storage.models import Batch

SAMPLES = 100


def sample_remarks(
    batches: Sequence[Batch],
    unconfirmed: frozenset[int],
    part: str,
    renamed: frozenset[int] = frozenset(),
) -> dict[str, Any] | None:
    """Return ``{counts, samples}`` of a part of the receipts: counts by reason, and up to 100 samples; None if empty.

    ``part`` is ``rejected``, ``unknown`` or ``notes``. Each sample has its row in the plan. The rows ``unconfirmed`` are
    rejected with the partner's words, and not unknown any more. The rows ``renamed`` are unknown, although the partner said
    nothing.
    """
    counts: Counter[str] = Counter()
    samples: list[dict[str, Any]] = []
    for row, remark in [
        *_remarks(batches, unconfirmed, part),
        *_of_renamed(renamed, unconfirmed, part),
    ]:
        counts[remark["code"]] += 1
        if len(samples) < SAMPLES:
            samples.append({"row": row, **remark})
    return {"counts": dict(counts), "samples": samples} if counts else None


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
