"""Effects of failing batches on the activation and on later syncs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.core import clock
from app.queue import Task
from app.services.syncs import syncs
from app.storage.models import Activation
from tests.flow import ACTOR, Flow
from tests.stepping import Hand

pytestmark = pytest.mark.installation(batch_size=5)


async def test_who_delivers_anything_does_not_only_fail(flow: Flow) -> None:
    """One failing batch must not end an activation whose other batches arrive."""
    hand = Hand(flow)
    activation = await hand.planned()
    long_ago = clock.now() - timedelta(days=6)
    async with flow.platform.unit_of_work() as session:
        await session.execute(update(Activation).values(failing_since=long_ago))
    flow.sandbox.faults.add({"kind": "status", "status": 500, "times": 1})
    await hand.once(tasks=(Task.DELIVER,))
    row = await flow.activation(activation)
    assert row.failing_since is None or row.failing_since > long_ago + timedelta(days=1)
    assert row.state == "active"


@pytest.mark.walk
async def test_another_revision_tries_the_refused_once_more(flow: Flow) -> None:
    """The partner refused members under the old revision, and may accept them under the new one."""
    hand = Hand(flow)
    flow.receiver.refused = {"p1": "not here"}
    activation = await hand.planned()
    await hand.quiet()
    flow.receiver.refused = {}
    await hand.start(activation)
    await hand.quiet()
    assert (await flow.syncs(activation))[-1].left_out == {"refused_before": 1}
    await hand.configure(activation, updates=True)
    await hand.quiet()
    assert (await flow.syncs(activation))[-1].entered == 1
    assert "p1" in flow.received(activation)


@pytest.mark.walk
async def test_a_sync_that_is_cut_short_does_not_use_up_the_other_try(flow: Flow) -> None:
    """Only a sync that was sent completely under the new revision has tried all refused members."""
    hand = Hand(flow)
    flow.receiver.refused = {"p1": "not here"}
    activation = await hand.planned()
    await hand.quiet()
    flow.receiver.refused = {}
    await hand.configure(activation, updates=True)
    await hand.once(tasks=(Task.PLAN,))
    sync = (await flow.syncs(activation))[-1]
    async with flow.platform.unit_of_work() as session:
        await syncs.cancel_sync(session, flow.space_id, activation, sync.id, actor=ACTOR)
    await hand.start(activation)
    await hand.quiet()
    assert "p1" in flow.received(activation)
