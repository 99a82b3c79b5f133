"""What is recorded of a call: refused members, and nothing if the lease is lost."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from app.core import clock
from app.services.syncs import syncs
from app.storage.models import Batch
from tests.flow import ACTOR, Flow, eventually
from tests.integration.services.delivery.scene import attempts, ids

pytestmark = pytest.mark.installation(worker=True)


class TestRejections:
    async def test_refused_members_are_listed_and_not_sent_again(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.receiver.refused = {"p1": "blocked", "p3": "blocked"}
        await flow.members(range(5))
        sync = await flow.quiet(activation)
        assert (sync.delivered, sync.rejected, sync.state) == (3, 2, "complete")
        assert sync.rejections is not None
        assert list(sync.rejections["counts"].values()) == [2]
        await flow.members(range(6))
        sync = await flow.quiet(activation)
        assert (sync.entered, sync.left_out.get("refused_before")) == (1, 2)

    @pytest.mark.walk
    async def test_a_retry_asks_again(self, flow: Flow) -> None:
        activation = await flow.activate()
        flow.receiver.refused = {"p1": "blocked"}
        await flow.members(range(5))
        sync = await flow.quiet(activation)
        flow.receiver.refused = {}
        async with flow.platform.unit_of_work() as session:
            await syncs.retry_sync(session, flow.space_id, activation, sync.id, actor=ACTOR)
        sync = await flow.quiet(activation)
        assert (sync.entered, sync.delivered) == (1, 1)
        assert flow.received(activation) == ids(range(5))


class TestLostLease:
    @pytest.mark.walk
    async def test_a_lost_lease_writes_nothing(self, flow: Flow) -> None:
        """Another worker has taken the batch: the late result of the first must not be recorded (R9)."""
        activation = await flow.activate()
        flow.sandbox.faults.add({"kind": "slow", "seconds": 1.0, "times": 1})
        await flow.members(range(5))
        sync = await eventually(lambda: _attempted(flow, activation))
        async with flow.platform.unit_of_work() as session:
            await session.execute(
                update(Batch)
                .where(Batch.sync_id == sync)
                .values(lease_token=Batch.lease_token + 1, lease_until=clock.now())
            )
        settled = await flow.quiet(activation)
        tries = await attempts(flow)
        assert [one.outcome for one in tries] == [None, "delivered"]
        assert settled.last_unknown_at is not None
        assert settled.delivered == 5


async def _attempted(flow: Flow, activation: str) -> str | None:
    found = await attempts(flow)
    return found[0].sync_id if found else None
