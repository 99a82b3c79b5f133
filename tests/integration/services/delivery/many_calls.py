"""What the tests of batches of many calls share: an account with one member per call, and a pump in the middle of its calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.queue import Task
from app.services.delivery import call_run
from app.services.delivery.pump import Pump
from app.services.delivery.sync_cache import LoadedSyncs
from app.services.planning import batches
from app.services.platform.platform import Platform
from app.storage.models import Batch
from tests.flow import Flow, eventually, installation
from tests.integration.services.delivery.scene import attempts
from tests.stepping import Hand


@pytest.fixture
async def single(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Flow]:
    """A webhook that takes one member per call; a plan of any size is one batch."""
    monkeypatch.setattr(batches, "SPREAD", 1)
    async with installation(platform, batch_size=1) as flow:
        yield flow


def messages(flow: Flow) -> list[tuple[str, str]]:
    """Id and body of each request that arrived, oldest first."""
    listed = flow.sandbox.recorder.listed("webhook", 100)
    return [(one["headers"]["webhook-id"], str(one["body"])) for one in listed]


async def only_batch(flow: Flow, activation: str) -> Batch:
    (sync,) = await flow.syncs(activation)
    (batch,) = await flow.batches(sync.id)
    return batch


async def deliver(hand: Hand) -> None:
    await hand.once(tasks=(Task.DELIVER,))


async def first_ended(flow: Flow) -> bool:
    return (await attempts(flow))[0].outcome is not None


def runs_of(pump: Pump) -> list[call_run.CallRun]:
    return [item.run for item in pump._flying.values() if item.run]


async def begun(flow: Flow, hand: Hand) -> tuple[str, Pump, asyncio.Task[bool]]:
    """A pump whose calls wait at a slow receiver, after the first few were answered."""
    activation = await flow.activate(resync=True)
    await flow.supply({"profile_id": f"p{number}"} for number in range(60))
    await hand.once(tasks=(Task.RECOMPUTE,))
    await hand.once(tasks=(Task.PLAN,))
    flow.sandbox.faults.add({"kind": "slow", "seconds": 0.6})
    pump = Pump(flow.platform, LoadedSyncs(flow.platform), "test", asyncio.Event())
    task = asyncio.create_task(pump.run())
    await eventually(lambda: any(run.results.calls for run in runs_of(pump)), every=0.02)
    return activation, pump, task
