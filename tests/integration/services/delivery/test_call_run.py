"""A batch of many calls: what is sent, and what is sent again."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from app.services.delivery.loaded_sync import LoadedSync
from tests.flow import Flow
from tests.integration.services.delivery.many_calls import (
    deliver,
    messages,
    only_batch,
)
from tests.integration.services.delivery.scene import attempts, ids
from tests.stepping import Hand


async def test_one_batch_makes_a_call_for_each_member(single: Flow) -> None:
    hand = Hand(single)
    activation = await hand.planned()
    await deliver(hand)
    sent = messages(single)
    batch = await only_batch(single, activation)
    assert {key for key, _ in sent} == {f"{batch.sync_id}-1-{row}-1" for row in range(10)}
    numbers = {
        (found["batch"], found["batches"])
        for found in (json.loads(body)["data"] for _, body in sent)
    }
    assert numbers == {(number, 10) for number in range(1, 11)}
    (attempt,) = await attempts(single)
    assert (attempt.calls, attempt.calls_delivered, attempt.calls_failed) == (10, 10, 0)
    await hand.quiet()
    (sync,) = await single.syncs(activation)
    assert (sync.state, sync.delivered, sync.batches) == ("complete", 10, 1)
    assert single.received(activation) == ids(range(10))


@pytest.mark.walk
@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "status", "status": 500, "times": 1}, "unknown"),
        ({"kind": "cut", "times": 1}, "unknown"),
        ({"kind": "apply_then_status", "status": 500, "times": 1}, "unknown"),
        ({"kind": "status", "status": 400, "times": 1}, "refused"),
    ],
)
async def test_only_what_failed_is_sent_again_with_the_same_bytes(
    single: Flow, fault: dict[str, Any], outcome: str
) -> None:
    hand = Hand(single)
    activation = await hand.planned()
    single.sandbox.faults.add(fault)
    await hand.quiet()
    one, _ = await attempts(single)
    assert (one.outcome, one.calls, one.calls_delivered) == (outcome, 10, 9)
    counts = Counter(messages(single))
    assert sorted(counts.values()) == [1] * 9 + [2], "one call twice, with equal bytes"
    (sync,) = await single.syncs(activation)
    assert (sync.state, sync.delivered) == ("complete", 10)
    assert (sync.last_unknown_at is not None) is (outcome == "unknown")


@pytest.mark.walk
async def test_calls_that_fail_again_and_again_keep_no_other_from_its_turn(single: Flow) -> None:
    """So many calls are refused that the attempt ends: the next one begins with those that were not tried."""
    hand = Hand(single)
    await single.activate(resync=True)
    await single.supply({"profile_id": f"p{number}"} for number in range(60))
    single.sandbox.faults.add({"kind": "status", "status": 400, "times": 40})
    await hand.quiet()
    first, *_ = await attempts(single)
    keys = [key for key, _ in messages(single)]
    assert first.calls is not None
    assert first.calls < 40
    assert keys[first.calls] not in keys[: first.calls]


async def test_a_call_that_cannot_be_described_is_a_failed_attempt(
    single: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("no such list")

    hand = Hand(single)
    activation = await hand.planned()
    monkeypatch.setattr(LoadedSync, "call", broken)
    await deliver(hand)
    # On a busy machine the second attempt is due before the first has ended.
    assert {one.outcome for one in await attempts(single)} == {"unknown"}
    assert (await only_batch(single, activation)).failing_since is not None
