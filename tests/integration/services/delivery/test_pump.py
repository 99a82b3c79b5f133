"""The pump: batches whose lease is lost, and probes of a paused account."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.services.delivery.pump import Pump
from app.services.delivery.sync_cache import LoadedSyncs
from app.storage.engine import open_database
from app.storage.models import Batch
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.destinations import DestinationRepository
from app.storage.session import unit_of_work_of
from tests.flow import Flow, eventually, worker
from tests.integration.services.delivery.many_calls import messages
from tests.integration.services.delivery.scene import approve, held_sync
from tests.stepping import Hand


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

    async def test_a_pump_ends_after_what_it_reports_is_written(self, flow: Flow) -> None:
        await Hand(flow).planned()
        pump = Pump(flow.platform, LoadedSyncs(flow.platform), "test", asyncio.Event())
        assert await pump._claim()
        (item,) = pump._waiting
        before = (await flow.batches(item.claimed.batch.sync_id))[0].lost_leases
        pump._lose(item)
        await pump._cancel([])
        after = (await flow.batches(item.claimed.batch.sync_id))[0].lost_leases
        assert (before, after) == (0, -1), "this worker is alive"

    async def test_a_batch_whose_lease_ran_out_is_not_sent_though_the_database_is_away(
        self, flow: Flow
    ) -> None:
        """Another worker may have it, and the database cannot be asked (R10)."""
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


class TestProbes:
    @pytest.mark.walk
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


class TestTooLate:
    async def test_a_batch_of_many_calls_that_waits_too_long_is_dropped_and_the_pump_ends(
        self, single: Flow
    ) -> None:
        """Leases that were not renewed for a while: a call may not start, and the pump does not wait for ever (R10)."""
        hand = Hand(single)
        await hand.planned()
        pump = Pump(single.platform, LoadedSyncs(single.platform), "test", asyncio.Event())
        assert await pump._claim()
        (item,) = pump._waiting
        item.deadline = asyncio.get_running_loop().time() + 0.1
        pump._begin()
        assert not pump._waiting
        await eventually(lambda: not pump._flying)
        assert messages(single) == []
