"""Batches of many calls that wait with a part of their calls done: what stops them, and what is refused."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from app.domain.activation_states import ActivationState
from app.queue import Task
from app.services.delivery import call_run
from app.services.delivery.progress import keep_progress
from app.services.syncs import syncs
from tests.flow import ACTOR, Flow, eventually
from tests.integration.services.delivery.many_calls import (
    begun,
    deliver,
    first_ended,
    messages,
    only_batch,
    runs_of,
)
from tests.integration.services.delivery.scene import attempts
from tests.stepping import Hand


@pytest.mark.parametrize("status", [429, 401, 410])
async def test_what_concerns_all_calls_stops_them(single: Flow, status: int) -> None:
    """Calls in flight end; the others are untried, which is not unknown."""
    hand = Hand(single)
    activation = await single.activate(resync=True)
    await single.supply({"profile_id": f"p{number}"} for number in range(60))
    await hand.once(tasks=(Task.RECOMPUTE,))
    await hand.once(tasks=(Task.PLAN,))
    most = single.platform.settings.delivery_concurrency_per_account
    single.sandbox.faults.add({"kind": "status", "status": status, "times": most})
    await deliver(hand)
    first, *later = await attempts(single)
    assert first.calls is not None
    assert first.calls <= most
    assert (first.calls_delivered, first.calls_failed) == (0, 0)
    found = await single.activation(activation)
    if status == 429:
        await hand.quiet()
        _, *later = await attempts(single)
        assert sum(one.calls_delivered or 0 for one in later) == 60
        assert len(messages(single)) == 60 + most, "what was not refused is sent once"
    else:
        assert (found.state, later) == (ActivationState.ERROR, [])
        batch = await only_batch(single, activation)
        assert (batch.ambiguous, batch.progress and batch.progress["unknown"]) == (False, [])


async def test_a_member_that_is_refused_alone_is_rejected_after_three_tries(single: Flow) -> None:
    hand = Hand(single)
    activation = await hand.planned()
    single.receiver.refused = {"p3": "not here"}
    await hand.quiet()
    (sync,) = await single.syncs(activation)
    assert (sync.state, sync.delivered, sync.rejected) == ("complete", 9, 1)


@pytest.mark.walk
async def test_a_receiver_that_refuses_everything_rejects_no_member(single: Flow) -> None:
    hand = Hand(single)
    activation = await hand.planned()
    single.sandbox.faults.add({"kind": "status", "status": 400})
    await hand.quiet()
    (sync,) = await single.syncs(activation)
    assert (sync.state, sync.rejected) == ("failed", 0)
    assert (await single.activation(activation)).state == ActivationState.ERROR
    assert len(messages(single)) == 30, "three tries of each call"


@pytest.mark.walk
@pytest.mark.parametrize("how", ["cancel", "stop", "time"])
async def test_what_is_untried_when_calls_stop_is_not_unknown(
    single: Flow, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "time":
        monkeypatch.setattr(call_run, "LONGEST", 0.5)
    hand = Hand(single)
    activation, pump, task = await begun(single, hand)
    (sync,) = await single.syncs(activation)
    if how == "cancel":
        async with single.platform.unit_of_work() as session:
            await syncs.cancel_sync(session, single.space_id, activation, sync.id, actor=ACTOR)
        await keep_progress(single.platform, runs_of(pump))
    else:
        if how == "time":
            await eventually(lambda: first_ended(single), every=0.01)
        pump.stopping.set()
    await eventually(lambda: not pump._flying, every=0.005)
    batch = await only_batch(single, activation)
    first = (await attempts(single))[0]
    assert (batch.ambiguous, first.outcome) == (False, "part")
    assert 0 < (first.calls_delivered or 0) < 60
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    single.sandbox.faults.clear()
    await hand.quiet()
    (sync, *_) = await single.syncs(activation)
    assert (sync.state, sync.delivered) == (
        ("cancelled", batch.delivered) if how == "cancel" else ("complete", 60)
    )
    assert max(Counter(messages(single)).values()) == 1
