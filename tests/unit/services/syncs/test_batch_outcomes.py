"""What a batch's row says when its sync is settled."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.batch_states import BatchEnd, BatchState
from app.domain.call_progress import CallProgress
from app.services.syncs.batch_outcomes import outcomes_of
from app.snapshots.engine import BatchOutcome
from app.storage.models import Batch

REFUSED = {"code": "blocked", "message": "Blocked."}


def batch(state: BatchState, **given: Any) -> Batch:
    return Batch(number=2, first_row=10, row_count=5, state=state, **{"ambiguous": False, **given})


def outcome_of(one: Batch) -> BatchOutcome:
    (found,) = outcomes_of([one])
    return found


def test_a_recorded_batch_has_its_refusals_and_ids_by_index() -> None:
    receipts = {"rejected": {"3": REFUSED}, "skipped": {"0": REFUSED}, "partnerIds": {"1": "x"}}
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


@pytest.mark.parametrize(
    ("given", "rest"),
    [
        ({"state": BatchState.WAITING}, BatchEnd.UNTOUCHED),
        ({"state": BatchState.WAITING, "ambiguous": True}, BatchEnd.ATTEMPTED),
        ({"state": BatchState.SENDING}, BatchEnd.ATTEMPTED),  # its worker has ended
    ],
)
def test_a_batch_of_many_calls_has_an_outcome_for_each_range(
    given: dict[str, Any], rest: BatchEnd
) -> None:
    progress = CallProgress(done=[(2, 3), (3, 4)], unknown=[(1, 2)]).to_json()
    receipts = {"rejected": {"3": REFUSED}, "filled": [{"names": ["/a"], "indexes": [2]}]}
    found = outcomes_of([batch(**given, progress=progress, receipts=receipts)])
    assert [(one.first_row, one.rows, one.state) for one in found] == [
        (10, 1, rest),
        (11, 1, BatchEnd.ATTEMPTED),
        (12, 2, BatchEnd.RECORDED),
        (14, 1, rest),
    ]
    assert (found[2].rejected, found[2].filled) == ({1: ("blocked", "Blocked.")}, {0: ["/a"]})
