"""The pump in bad company: syncs that cannot be loaded, plans that are gone, leases that somebody else has."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update

from app.core import clock
from app.services.delivery.pump import Pump
from app.services.delivery.sync_cache import LoadedSyncs
from app.services.syncs import syncs
from app.storage.engine import open_database
from app.storage.models import Audience, Batch, Sync
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.session import unit_of_work_of
from tests.flow import ACTOR, Flow, eventually, worker


async def held_sync(flow: Flow, activation: str) -> Sync:
    await flow.members(range(200))
    await flow.quiet(activation)
    await flow.members(range(10))
    held = await flow.quiet(activation)
    assert held.state == "held"
    return held


async def approve(flow: Flow, sync: Sync) -> None:
    async with flow.platform.unit_of_work() as session:
        await syncs.approve_sync(
            session, flow.space_id, sync.activation_id, sync.id, actor=ACTOR, now=clock.now()
        )


async def failing_batch(flow: Flow, sync: Sync) -> Batch | None:
    found = [one for one in await flow.batches(sync.id) if one.failing_since is not None]
    return found[0] if found else None


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


class TestLostLeases:
    async def test_a_batch_that_somebody_else_has_is_not_sent_any_more(self, flow: Flow) -> None:
        async with worker(flow.platform):
            activation = await flow.activate(brake=True)
            held = await held_sync(flow, activation)
        before = len(flow.received(activation))
        await approve(flow, held)
        pump = Pump(flow.platform, LoadedSyncs(flow.platform), "test", asyncio.Event())
        assert await pump._claim()
        async with flow.platform.unit_of_work() as session:
            await session.execute(
                update(Batch)
                .where(Batch.sync_id == held.id)
                .values(lease_token=Batch.lease_token + 1)
            )
        for item in pump._waiting:
            item.deadline = asyncio.get_running_loop().time() - 1
        renewing = asyncio.create_task(pump._renew())
        await eventually(lambda: not pump._waiting)
        renewing.cancel()
        pump._begin()
        assert not pump._flying
        assert len(flow.received(activation)) == before

    async def test_a_batch_whose_lease_ran_out_is_not_sent_though_the_database_is_away(
        self, flow: Flow
    ) -> None:
        """Somebody else may have it by then, and nobody can be asked (R10)."""
        async with worker(flow.platform):
            activation = await flow.activate(brake=True)
            held = await held_sync(flow, activation)
        await approve(flow, held)
        pump = Pump(flow.platform, LoadedSyncs(flow.platform), "test", asyncio.Event())
        assert await pump._claim()
        nowhere = open_database("postgresql://nobody@127.0.0.1:1/nothing")
        pump.platform = replace(flow.platform, unit_of_work=unit_of_work_of(nowhere.sessions))
        for item in pump._waiting:
            item.deadline = asyncio.get_running_loop().time() + 0.5
        renewing = asyncio.create_task(pump._renew())
        await eventually(lambda: not pump._waiting)
        renewing.cancel()
        await nowhere.close()


class TestBytes:
    async def test_a_retry_names_the_audience_as_the_first_try_did(self, flow: Flow) -> None:
        """Another worker loads the sync anew; the idempotency key is the same, so the body must be (R8)."""
        async with worker(flow.platform):
            activation = await flow.activate(brake=True)
            held = await held_sync(flow, activation)
        async with flow.platform.unit_of_work() as session:
            audience = await session.get(Audience, (flow.space_id, flow.audience_id))
            assert audience is not None
            audience.name = "Renamed"
        async with flow.platform.unit_of_work() as session:
            loaded = await LoadedSyncs(flow.platform).get(session, held.id, flow.space_id)
        batch = (await flow.batches(held.id))[0]
        assert loaded.call(batch, clock.now()).audience.name == "Buyers"


class TestProbes:
    async def test_an_account_is_probed_by_one_batch_whatever_waits_for_it(
        self, flow: Flow
    ) -> None:
        async with worker(flow.platform):
            first, second = await flow.activate(brake=True), await flow.activate(brake=True)
            await flow.members(range(200))
            await flow.quiet(first)
            await flow.quiet(second)
            await flow.members(range(10))
            waiting = [await flow.quiet(first), await flow.quiet(second)]
        for held in waiting:
            await approve(flow, held)
        async with flow.platform.unit_of_work() as session:
            await DestinationRepository(session).open_breaker(
                flow.space_id, flow.destination_id, timedelta(seconds=-1), {"openings": 1}
            )
        async with flow.platform.unit_of_work() as session:
            claimed = await BatchRepository(session).claim(
                owner="test", lease=timedelta(seconds=30), limit=20
            )
        assert len(claimed) == 1
