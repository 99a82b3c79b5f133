"""Syncs that cannot be loaded for delivery."""

from __future__ import annotations

from sqlalchemy import update

from app.storage.models import Sync
from tests.flow import Flow, eventually, worker
from tests.integration.services.delivery.scene import approve, failing_batch, held_sync


class TestBrokenSyncs:
    async def test_one_that_cannot_be_loaded_stops_nobody_else(self, flow: Flow) -> None:
        async with worker(flow.platform):
            broken = await flow.activate(brake=True)
            held = await held_sync(flow, broken)
            async with flow.platform.unit_of_work() as session:
                await session.execute(update(Sync).where(Sync.id == held.id).values(spec={}))
            await approve(flow, held)
            await eventually(lambda: failing_batch(flow, held), 30)
            other = await flow.activate(resync=True)
            sync = await flow.quiet(other)
        assert (sync.state, sync.delivered) == ("complete", 10)

    async def test_a_plan_that_is_gone_counts_as_a_failure(self, flow: Flow) -> None:
        async with worker(flow.platform):
            activation = await flow.activate(brake=True)
            held = await held_sync(flow, activation)
            assert held.plan is not None
            async with flow.platform.unit_of_work() as session:
                gone = {**held.plan, "key": f"{held.plan['key']}.gone"}
                await session.execute(update(Sync).where(Sync.id == held.id).values(plan=gone))
            await approve(flow, held)
            failing = await eventually(lambda: failing_batch(flow, held), 30)
        assert failing.attempts >= 1
