"""Counts and samples of the remarks on single changes."""

from __future__ import annotations

from app.domain.batch_states import BatchState
from app.services.syncs.remarks import Remarks
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
    Batch(
        number=4,
        first_row=20,
        row_count=5,
        state=BatchState.RECORDED,
        receipts={"rejected": {"2": BAD}},
    ),
]


def found(unconfirmed: frozenset[int] = frozenset()) -> Remarks:
    """The remarks of the batches, which are taken one by one."""
    remarks = Remarks(unconfirmed)
    for batch in BATCHES:
        remarks.take([batch])
    remarks.end()
    return remarks


def test_each_part_has_counts_and_samples_with_the_row_of_the_plan() -> None:
    assert found().of("rejected") == {
        "counts": {"blocked": 2},
        "samples": [{"row": 10, **BAD}, {"row": 22, **BAD}],
    }
    assert found().of("notes") is None


def test_unconfirmed_rows_are_rejected_with_the_partners_words() -> None:
    remarks = found(frozenset([14]))
    assert remarks.of("rejected") == {
        "counts": {"blocked": 2, "unconfirmed": 1},
        "samples": [{"row": 10, **BAD}, {"row": 14, **SAID}, {"row": 22, **BAD}],
    }
    assert remarks.of("unknown") == {
        "counts": {"unconfirmed": 1},
        "samples": [{"row": 11, **SAID}],
    }
