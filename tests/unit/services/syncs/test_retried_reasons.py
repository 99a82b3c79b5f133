"""Which reasons can be retried."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import Conflict, Invalid
from app.domain.sync_states import SyncState
from app.services.syncs.retried_reasons import all_retried, retried_reason
from app.storage.models import Sync


def sync(**fields: Any) -> Sync:
    ended = {"id": "syn_1", "number": 3, "state": SyncState.COMPLETE, "outcome": {"key": "o"}}
    return Sync(**{**ended, "rejections": {"counts": {"invalid": 1200, "late": 1}}, **fields})


def test_a_reason_of_an_ended_sync() -> None:
    assert retried_reason(sync(), "late") == {"sync": "syn_1", "reason": "late"}


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({}, Invalid, "it rejected for invalid (1,200), late (1)."),
        ({"rejections": None}, Invalid, "it rejected nothing."),
        ({"state": SyncState.RUNNING}, Conflict, "has not ended"),
    ],
)
def test_others_are_refused(fields: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as found:
        retried_reason(sync(**fields), "other")
    assert words in str(found.value)


def test_a_sync_without_its_outcome_names_the_way_out() -> None:
    with pytest.raises(Conflict, match=r"What sync 3 .* Retry without a reason"):
        retried_reason(sync(outcome=None), "late")


def test_each_is_named_once() -> None:
    one, other = {"sync": "a", "reason": "x"}, {"sync": "a", "reason": "y"}
    assert all_retried(None, []) is None
    assert all_retried([one], [other, one]) == [one, other]
