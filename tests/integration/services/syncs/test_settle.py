"""Settling a sync of which one batch has calls with receipts, and calls that were not tried."""

from __future__ import annotations

import asyncio

from app.services.delivery.progress import keep_progress
from app.services.syncs import syncs
from tests.flow import ACTOR, Flow, eventually
from tests.integration.services.delivery.many_calls import begun, only_batch, runs_of
from tests.stepping import Hand


async def test_a_cancelled_sync_holds_what_its_calls_delivered(single: Flow) -> None:
    hand = Hand(single)
    activation, pump, task = await begun(single, hand)
    (sync,) = await single.syncs(activation)
    async with single.platform.unit_of_work() as session:
        await syncs.cancel_sync(session, single.space_id, activation, sync.id, actor=ACTOR)
    await keep_progress(single.platform, runs_of(pump))
    await eventually(lambda: not pump._flying, every=0.005)
    batch = await only_batch(single, activation)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    single.sandbox.faults.clear()
    await hand.quiet()
    found = await single.activation(activation)
    assert 0 < batch.delivered < 60
    assert found.held == len(single.received(activation)) == batch.delivered
