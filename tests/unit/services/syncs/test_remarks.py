"""Counts and samples of the remarks on single changes."""

from __future__ import annotations

from app.domain.batch_states import BatchState
from app.services.syncs.remarks import sample_remarks
from app.storage.models import Batch

SAID = {"code": "unconfirmed", "message": "0 of 1"}
BAD = {"code": "blocked", "message": "Blocked."}
BATCHES = [
    Batch(
        number=2,
        first_row=10,
        row_count=5,
        state=BatchState.RECORDED,
        receipts={"rejected": {"0": BAD}, "unknown": {"1": SAID, "4": {**SAID, "code": "odd"}}},
    ),
    Batch(number=3, first_row=15, row_count=5, state=BatchState.WAITING, receipts=None),
]


def test_each_part_has_counts_and_samples_with_the_row_of_the_plan() -> None:
    assert sample_remarks(BATCHES, frozenset(), "rejected") == {
        "counts": {"blocked": 1},
        "samples": [{"row": 10, **BAD}],
    }
    assert sample_remarks(BATCHES, frozenset(), "notes") is None


def test_unconfirmed_rows_are_rejected_with_the_partners_words() -> None:
    unconfirmed = frozenset([14])
    assert sample_remarks(BATCHES, unconfirmed, "rejected") == {
        "counts": {"blocked": 1, "unconfirmed": 1},
        "samples": [{"row": 10, **BAD}, {"row": 14, **SAID}],
    }
    assert sample_remarks(BATCHES, unconfirmed, "unknown") == {
        "counts": {"unconfirmed": 1},
        "samples": [{"row": 11, **SAID}],
    }
