"""How the calls that a pump may make are shared out among its batches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from app.core.config import Settings
from app.services.delivery.held import Held, share_out, weights

SETTINGS = Settings(delivery_concurrency=8)


def limit_of(_account: str) -> int:
    return 4


def held(account: str, lanes: int, more: int, *, resync: bool = False) -> Held:
    loaded = SimpleNamespace(
        sync=SimpleNamespace(destination_id=account, kind="resync" if resync else "incremental")
    )
    run = SimpleNamespace(lanes=lanes, more_lanes=more)
    task = cast(Any, object() if lanes else None)
    return Held(cast(Any, None), cast(Any, loaded), 0.0, task=task, run=cast(Any, run))


def test_batches_in_flight_get_calls_first_and_no_account_more_than_its_limit() -> None:
    flying, waiting = [held("a", 2, 9)], [held("a", 0, 9), held("b", 0, 3)]
    found = list(share_out(SETTINGS, limit_of, flying, waiting))
    assert found == [(flying[0], 2), (waiting[1], 3)]


def test_a_batch_that_ends_lets_the_next_one_begin() -> None:
    flying, waiting = [held("a", 2, 0)], [held("a", 0, 9)]
    assert list(share_out(SETTINGS, limit_of, flying, waiting)) == [(waiting[0], 2)]


def test_a_batch_whose_calls_may_not_start_is_begun_nevertheless() -> None:
    waiting = held("a", 0, 0)
    assert list(share_out(SETTINGS, limit_of, [], [waiting])) == [(waiting, 1)]


def test_resyncs_come_last_and_leave_a_part() -> None:
    slow, urgent = held("a", 0, 9, resync=True), held("a", 0, 2)
    assert list(share_out(SETTINGS, limit_of, [], [slow, urgent])) == [(urgent, 2), (slow, 1)]


def test_a_batch_of_many_calls_counts_as_a_full_account() -> None:
    found = list(weights(limit_of, [held("a", 4, 196), held("b", 1, 0, resync=True)]))
    assert found == [("a", False, 4), ("b", True, 1)]
