"""What failing batches mean for their activation and account, and what is said of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, text, update

from app.core import clock
from app.queue import Task
from app.services.periodic.due import batches_wait
from app.services.reports import status
from app.services.syncs import syncs
from app.storage.models import Activation, Batch
from app.storage.repositories.destinations import DestinationRepository
from tests.flow import ACTOR, Flow
from tests.stepping import Hand

pytestmark = pytest.mark.installation(batch_size=5)


async def planned(flow: Flow, hand: Hand) -> str:
    """An activation with a plan of two batches, and nothing sent."""
    activation = await flow.activate(resync=True)
    await flow.supply({"profile_id": f"p{number}"} for number in range(10))
    await hand.once(tasks=(Task.RECOMPUTE,))
    await hand.once(tasks=(Task.PLAN,))
    return activation


async def test_who_delivers_anything_does_not_only_fail(flow: Flow) -> None:
    """One batch that nobody takes must not end an activation whose others arrive."""
    hand = Hand(flow)
    activation = await planned(flow, hand)
    long_ago = clock.now() - timedelta(days=6)
    async with flow.platform.unit_of_work() as session:
        await session.execute(update(Activation).values(failing_since=long_ago))
    flow.sandbox.faults.add({"kind": "status", "status": 500, "times": 1})
    await hand.once(tasks=(Task.DELIVER,))
    row = await flow.activation(activation)
    assert row.failing_since is None or row.failing_since > long_ago + timedelta(days=1)
    assert row.state == "active"


async def test_another_revision_tries_the_refused_once_more(flow: Flow) -> None:
    """The partner refused what the old one said; nothing else tells whether it takes what the new one says."""
    hand = Hand(flow)
    flow.receiver.refused = {"p1": "not here"}
    activation = await planned(flow, hand)
    await hand.quiet()
    flow.receiver.refused = {}
    await hand.start(activation)
    await hand.quiet()
    assert (await flow.syncs(activation))[-1].left_out == {"refused_before": 1}
    await hand.configure(activation, updates=True)
    await hand.quiet()
    assert (await flow.syncs(activation))[-1].entered == 1
    assert "p1" in flow.received(activation)


async def test_a_sync_that_is_cut_short_does_not_use_up_the_other_try(flow: Flow) -> None:
    """Only a sync that was sent to its end under the new revision has asked for everybody."""
    hand = Hand(flow)
    flow.receiver.refused = {"p1": "not here"}
    activation = await planned(flow, hand)
    await hand.quiet()
    flow.receiver.refused = {}
    await hand.configure(activation, updates=True)
    await hand.once(tasks=(Task.PLAN,))
    sync = (await flow.syncs(activation))[-1]
    async with flow.platform.unit_of_work() as session:
        await syncs.cancel_sync(
            session, flow.space_id, activation, sync.id, actor=ACTOR, now=clock.now()
        )
    await hand.start(activation)
    await hand.quiet()
    assert "p1" in flow.received(activation)


class TestStatus:
    @pytest.mark.parametrize(
        ("reason", "said"),
        [("unknown", "without a definite response"), ("the key is revoked", "the key is revoked")],
    )
    async def test_a_paused_account_is_named_with_its_time_and_reason(
        self, flow: Flow, reason: str, said: str
    ) -> None:
        activation = await planned(flow, Hand(flow))
        async with flow.platform.unit_of_work() as session:
            await DestinationRepository(session).open_breaker(
                flow.space_id,
                flow.destination_id,
                timedelta(minutes=4),
                {"openings": 1, "reason": reason},
            )
        note = await note_of(flow, activation)
        assert note.startswith("The account 'Hook' is paused until 20")
        assert said in note

    async def test_a_pause_that_is_over_is_none(self, flow: Flow) -> None:
        activation = await planned(flow, Hand(flow))
        async with flow.platform.unit_of_work() as session:
            await DestinationRepository(session).open_breaker(
                flow.space_id, flow.destination_id, timedelta(seconds=-1), {"openings": 1}
            )
        assert await note_of(flow, activation) == "A sync is planned and about to be sent."


async def note_of(flow: Flow, activation: str) -> str:
    row = await flow.activation(activation)
    async with flow.platform.unit_of_work() as session:
        return (await status.activation_status(session, row, clock.now())).note


async def test_entries_that_wait_for_exits_ring_no_bell(flow: Flow) -> None:
    hand = Hand(flow)
    activation = await planned(flow, hand)
    await hand.quiet()
    await flow.supply({"profile_id": f"p{number}"} for number in range(5, 15))
    await hand.once(tasks=(Task.RECOMPUTE,))
    await hand.once(tasks=(Task.PLAN,))
    assert await batches_wait(flow.platform)
    async with flow.platform.unit_of_work() as session:
        await session.execute(
            text(
                """UPDATE sync SET spec = spec || '{"exitsFirst": true}' WHERE state = 'pending'"""
            )
        )
        in_a_minute = func.clock_timestamp() + timedelta(minutes=1)
        await session.execute(
            update(Batch).where(Batch.kind == "exited").values(next_at=in_a_minute)
        )
    assert not await batches_wait(flow.platform)
    assert len(flow.received(activation)) == 10
