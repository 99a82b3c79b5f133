"""Results of the calls of a batch."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from app.connectors.base import Receipts, Refusal
from app.domain.retry import Failure
from app.services.delivery.call_results import CallResults, read_results
from app.storage.models import Batch

NO = Refusal("no", "not here")


def results(rows: int = 4) -> CallResults:
    return read_results(Batch(space_id="s", sync_id="y", number=1, row_count=rows, attempts=2))


def test_receipts_of_calls_are_those_of_rows_of_the_batch() -> None:
    found = results()
    found.confirm((2, 4), Receipts(rejected={1: NO}, filled={0: ["/a"]}, exports=["x"]))
    found.confirm((0, 2), Receipts(partner_ids={0: "i"}, filled={1: ["/a"]}, exports=["y"]))
    assert orjson.loads(found.recorded().receipts) == {
        "rejected": {"3": {"code": "no", "message": "not here"}},
        "partnerIds": {"0": "i"},
        "filled": [{"names": ["/a"], "indexes": [2, 1]}],
        "exports": ["x", "y"],
    }
    assert found.is_complete
    assert (found.recorded().rejected, found.kept().delivered) == (1, 3)


@pytest.mark.parametrize(
    ("failure", "partly", "unknown", "failed"),
    [
        (Failure.UNKNOWN, False, True, 1),
        (Failure.FAILED, False, False, 1),
        (Failure.FAILED, True, True, 1),
        (Failure.UNCONFIRMED, False, True, 0),
        (Failure.REFUSED, False, False, 0),
        (Failure.THROTTLED, False, False, 0),
    ],
)
def test_only_what_may_have_arrived_is_unknown(
    failure: Failure, partly: bool, unknown: bool, failed: int
) -> None:
    found = results()
    found.fail((1, 2), failure, None, partly=partly)
    assert (found.progress.unknown == [(1, 2)]) is unknown
    assert found.counts().failed == failed
    assert found.kept().is_unknown is (unknown and not partly)


def test_a_call_that_the_partner_works_on_is_unknown_and_has_a_handle() -> None:
    found = results()
    found.leave((0, 1), {"todo": []}, timedelta(seconds=3))
    assert found.put_back_values()["progress"]["handles"] == {"0": {"todo": []}}
    assert found.wait == timedelta(seconds=3)


@pytest.mark.parametrize(("passed", "mixed"), [(0, False), (1, False), (2, True)])
def test_refused_calls_are_the_cause_if_more_calls_pass_after_them(
    passed: int, mixed: bool
) -> None:
    found = results()
    found.confirm((0, 1), Receipts())
    found.fail((1, 2), Failure.REFUSED, None, partly=False)
    for row in range(2, 2 + passed):
        found.confirm((row, row + 1), Receipts())
    assert found.is_mixed is mixed
    assert found.put_back_values()["progress"]["mixed"] is mixed


def test_calls_stop_when_most_fail() -> None:
    found = results(100)
    for row in range(19):
        found.fail((row, row + 1), Failure.UNKNOWN, None, partly=False)
    assert not found.trips
    found.fail((19, 20), Failure.UNKNOWN, None, partly=False)
    assert found.trips
