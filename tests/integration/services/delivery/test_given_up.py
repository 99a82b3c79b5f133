"""A batch that ends its workers is found and given up; others that were in hand with it are delivered."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.core import clock
from app.core.config import Settings
from app.domain.activation_states import ActivationState
from app.domain.batch_states import BatchState
from app.embedded.environment import child_environment
from app.queue import Task
from app.services.delivery.given_up import report_alive
from app.services.platform import MAX_LOST_LEASES
from app.services.syncs import lifecycle
from app.storage.models import Activation, Batch
from app.storage.repositories.batch_counts import SUSPECT
from app.storage.repositories.batches import BatchRepository
from tests.flow import ACTOR, Flow
from tests.integration.services.delivery.scene import attempts
from tests.stepping import Hand

WORDS = "Sending a batch ended 5 workers in a row; most likely the response of the destination needs more memory than there is."
# A worker that is killed in the call of one activation, while a call of another one is in flight.
WORKER = """
import asyncio, os, signal, sys
from app.core.config import Settings
from app.services.delivery import LoadedSyncs, Pump, pump
from app.services.platform import open_platform

send = pump.attempt

async def attempt(loaded, claimed):
    is_deadly = loaded.activation.id == sys.argv[1]
    await asyncio.sleep(0.2 if is_deadly else 0.5)
    if is_deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return await send(loaded, claimed)

async def main():
    platform = await open_platform(Settings())
    await Pump(platform, LoadedSyncs(platform), "test", asyncio.Event()).run()
    await platform.close()

pump.attempt = attempt
asyncio.run(main())
"""
ENDED = timedelta(microseconds=1)  # a lease of a worker that is gone


async def last(flow: Flow, activation: str) -> Sequence[Batch]:
    """The batches of the last sync of an activation."""
    return await flow.batches((await flow.syncs(activation))[-1].id)


async def workers_end(
    flow: Flow, times: int, *, limit: int = 10, suspects: bool = False
) -> list[Batch]:
    """Leave due batches as workers do that end while they send them. Returns those of the last one."""
    batches: list[Batch] = []
    for turn in range(times):
        async with flow.platform.unit_of_work() as session:
            claimed = await BatchRepository(session).claim(
                owner="ended", lease=ENDED, limit=limit, suspects=suspects or turn > SUSPECT
            )
            batches = [item.batch for item in claimed]
    return batches


@pytest.mark.walk
async def test_it_is_given_up_with_its_changes_unknown_and_blocks_nobody(flow: Flow) -> None:
    hand = Hand(flow)
    activation = await hand.planned()
    (batch,) = await workers_end(flow, MAX_LOST_LEASES)
    assert batch.lost_leases == MAX_LOST_LEASES - 1, "the one who has it now may do it"
    await hand.once(tasks=(Task.DELIVER,))
    assert await hand.once(tasks=(Task.SETTLE,))
    (sync,) = await flow.syncs(activation)
    row = await flow.activation(activation)
    assert (row.state, (row.last_error or {})["message"]) == (ActivationState.ERROR, WORDS)
    assert (sync.state, sync.delivered, row.held) == ("failed", 0, 10), "they may have arrived"
    assert not flow.received(activation), "it would end more workers"
    assert [one.outcome for one in await attempts(flow)] == [None] * MAX_LOST_LEASES + ["given_up"]
    other = await flow.activate(resync=True)
    await hand.quiet()
    assert len(flow.received(other)) == 10
    async with flow.platform.unit_of_work() as session:
        again = await session.get(Activation, (flow.space_id, activation))
        assert again is not None
        again.state = ActivationState.ACTIVE
        await lifecycle.configuration_changed(session, again, resync=False, actor=ACTOR)
    await hand.quiet()
    assert len(flow.received(activation)) == 10, "what is unknown is sent again"


@pytest.mark.walk
async def test_what_may_end_workers_is_sent_alone(flow: Flow) -> None:
    hand = Hand(flow)
    other = await flow.activate(resync=True)
    activation = await hand.planned()
    assert len(await workers_end(flow, SUSPECT + 1)) == 2
    assert not await workers_end(flow, 1), "batches that may end workers are not sent with others"
    (one,) = await workers_end(flow, 1, limit=1, suspects=True)
    assert one.lost_leases == SUSPECT + 1
    found = {batch.lost_leases for each in (other, activation) for batch in await last(flow, each)}
    assert found == {SUSPECT, SUSPECT + 1}, "only the batch that a worker had alone is counted"
    await hand.once(tasks=(Task.DELIVER,))
    assert flow.received(activation) == flow.received(other) == {f"p{n}" for n in range(10)}


async def test_a_worker_that_is_alive_is_not_counted(flow: Flow) -> None:
    hand = Hand(flow)
    activation = await hand.planned()
    for _ in range(MAX_LOST_LEASES * 2):
        (batch,) = await workers_end(flow, 1)
        await report_alive(flow.platform, [batch])
    await hand.quiet()
    assert (await flow.activation(activation)).state == ActivationState.ACTIVE
    assert len(flow.received(activation)) == 10


@pytest.mark.chaos
async def test_real_workers_are_killed_five_times_and_no_more(
    flow: Flow, settings: Settings
) -> None:
    hand = Hand(flow)
    other = await flow.activate(resync=True)
    deadly = await hand.planned()
    ends: list[int] = []
    while (await flow.activation(deadly)).state != ActivationState.ERROR:
        assert len(ends) < 10, "they are killed without end"
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WORKER, deadly),
            env=child_environment(settings, ACTIVATIONS_OUTBOUND_ALLOW="127.0.0.1"),
        )
        ends.append(await worker.wait())
        async with flow.platform.unit_of_work() as session:
            past = clock.now() - timedelta(seconds=1)
            sending = Batch.state == BatchState.SENDING
            await session.execute(update(Batch).where(sending).values(lease_until=past))
    assert ends == [-signal.SIGKILL] * MAX_LOST_LEASES + [0]
    await hand.quiet()
    assert [len(flow.received(one)) for one in (deadly, other)] == [0, 10]
    assert (await flow.activation(other)).state == ActivationState.ACTIVE
