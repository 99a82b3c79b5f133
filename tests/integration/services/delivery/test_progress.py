"""Progress of batches of many calls: what a kill leaves, and a lost lease."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from sqlalchemy import update

from app.domain.call_progress import read_progress
from app.services.delivery.progress import keep_progress
from app.storage.models import Batch
from tests.flow import Flow, eventually
from tests.integration.services.delivery.many_calls import (
    begun,
    deliver,
    messages,
    only_batch,
    runs_of,
)
from tests.stepping import Hand


@pytest.mark.walk
async def test_after_a_kill_only_calls_since_the_last_record_are_unknown(single: Flow) -> None:
    hand = Hand(single)
    activation, pump, task = await begun(single, hand)
    runs = runs_of(pump)
    await keep_progress(single.platform, runs)
    task.cancel()  # the kill: nothing else is recorded
    await asyncio.gather(task, return_exceptions=True)
    done = read_progress((await only_batch(single, activation)).progress).rows_done
    single.sandbox.faults.clear()
    before = Counter(messages(single))
    await hand.lose_leases()
    await deliver(hand)
    again = Counter(messages(single)) - before
    assert len(again) == 60 - done
    assert 0 < done < 60
    await hand.quiet()
    (sync,) = await single.syncs(activation)
    assert (sync.state, sync.delivered) == ("complete", 60)


async def test_no_call_is_made_after_the_lease_was_lost(single: Flow) -> None:
    hand = Hand(single)
    _, pump, task = await begun(single, hand)
    async with single.platform.unit_of_work() as session:
        await session.execute(update(Batch).values(lease_token=Batch.lease_token + 1))
    runs = runs_of(pump)
    await keep_progress(single.platform, runs)
    assert runs[0].is_lost
    in_flight, answered = runs[0].lanes - runs[0]._new, runs[0].results.calls
    await eventually(lambda: runs[0].is_over)
    assert runs[0].results.calls == answered + in_flight < 60
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
