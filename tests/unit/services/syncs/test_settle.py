"""What a batch's row says when its sync is settled."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.batch_states import BatchEnd, BatchState
from app.services.syncs.settle import outcome_of
from app.storage.models import Batch


def batch(state: BatchState, **given: Any) -> Batch:
    return Batch(number=2, first_row=10, row_count=5, state=state, **{"ambiguous": False, **given})


def test_a_recorded_batch_has_its_refusals_and_ids_by_index() -> None:
    refused = {"code": "blocked", "message": "Blocked."}
    receipts = {"rejected": {"3": refused}, "skipped": {"0": refused}, "partnerIds": {"1": "x"}}
    found = outcome_of(batch(BatchState.RECORDED, receipts=receipts))
    assert (found.number, found.first_row, found.rows) == (2, 10, 5)
    assert found.state is BatchEnd.RECORDED
    assert found.rejected == {3: ("blocked", "Blocked.")}
    assert found.skipped == {0: ("blocked", "Blocked.")}
    assert found.partner_ids == {1: "x"}


def test_a_recorded_batch_without_receipts_was_delivered_whole() -> None:
    found = outcome_of(batch(BatchState.RECORDED, receipts=None))
    assert (found.rejected, found.skipped, found.partner_ids) == ({}, {}, {})


@pytest.mark.parametrize(
    ("state", "ambiguous", "end"),
    [
        (BatchState.WAITING, False, BatchEnd.UNTOUCHED),
        (BatchState.WAITING, True, BatchEnd.ATTEMPTED),
        (BatchState.SENDING, False, BatchEnd.ATTEMPTED),
    ],
)
def test_a_batch_that_may_have_arrived_counts_as_attempted(
    state: BatchState, ambiguous: bool, end: BatchEnd
) -> None:
    assert outcome_of(batch(state, ambiguous=ambiguous)).state is end
