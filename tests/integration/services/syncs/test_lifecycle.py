"""Syncs that are cancelled, superseded or extended while a worker plans or settles them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core import clock
from app.queue import Task
from app.services.activations import activations
from app.services.planning.plan import plan_sync
from app.services.syncs import syncs
from app.storage.models import AuditEvent, Sync
from app.storage.repositories.syncs import SyncRepository
from tests.flow import ACTOR, Flow, worker
from tests.stepping import Hand

LEASE = timedelta(seconds=30)


@pytest.fixture(autouse=True)
async def ten_members(flow: Flow) -> None:
    """Give the audience ten members; no worker runs afterwards."""
    async with worker(flow.platform):
        await flow.members(range(10))


async def being_planned(flow: Flow, activation: str) -> Sync:
    """Claim the activation's new sync, as a worker does that plans it."""
    found = [one for one in await flow.syncs(activation) if one.state == "new"]
    async with flow.platform.unit_of_work() as session:
        claimed = await SyncRepository(session).claim(
            flow.space_id, found[-1].id, ("new",), "planner", LEASE
        )
    assert claimed is not None
    return claimed


async def write_plan(flow: Flow, sync: Sync) -> bool:
    async with flow.platform.unit_of_work() as session:
        return await SyncRepository(session).fenced(
            sync.space_id, sync.id, sync.lease_token, state="pending"
        )


class TestWhilePlanning:
    async def test_a_cancelled_sync_stays_cancelled(self, flow: Flow) -> None:
        activation = await flow.activate(resync=True)
        sync = await being_planned(flow, activation)
        async with flow.platform.unit_of_work() as session:
            await syncs.cancel_sync(session, flow.space_id, activation, sync.id, actor=ACTOR)
        assert not await write_plan(flow, sync)
        assert (await flow.syncs(activation))[-1].state == "cancelled"

    async def test_a_cancelled_dry_run_ends(self, flow: Flow) -> None:
        activation = await flow.activate(enabled=False)
        row = await flow.activation(activation)
        async with flow.platform.unit_of_work() as session:
            dry = await syncs.start_sync(
                session, row, kind="incremental", dry_run=True, actor=ACTOR
            )
            await syncs.cancel_sync(session, flow.space_id, activation, dry.id, actor=ACTOR)
        assert (await flow.syncs(activation))[-1].state == "cancelled"

    @pytest.mark.walk
    async def test_a_resync_that_is_asked_for_meanwhile_is_done_once(self, flow: Flow) -> None:
        async with worker(flow.platform):
            activation = await flow.activate(resync=True)
            await flow.quiet(activation)
        row = await flow.activation(activation)
        async with flow.platform.unit_of_work() as session:
            await syncs.start_sync(session, row, kind="incremental", dry_run=False, actor=ACTOR)
        sync = await being_planned(flow, activation)
        async with flow.platform.unit_of_work() as session:
            await syncs.start_sync(session, row, kind="resync", dry_run=False, actor=ACTOR)
        assert not await write_plan(flow, sync)
        async with worker(flow.platform):
            last = await flow.quiet(activation)
        assert (last.id, last.kind, last.entered) == (sync.id, "resync", 10)
        row = await flow.activation(activation)
        assert row.resync_done == row.resync_wanted


class TestResyncBeforeTheBaseline:
    @pytest.mark.walk
    async def test_the_resync_takes_its_place(self, flow: Flow) -> None:
        activation = await flow.activate()
        baseline = (await flow.syncs(activation))[-1]
        assert baseline.kind == "baseline"
        hand = Hand(flow)
        sync = await hand.start(activation, kind="resync")
        assert (sync.kind, sync.state) == ("resync", "new")
        await hand.quiet()
        assert [one.kind for one in await flow.syncs(activation)] == ["resync"]
        assert len(flow.received(activation)) == 10

    async def test_cancelled_it_does_not_come_back(self, flow: Flow) -> None:
        activation = await flow.activate()
        hand = Hand(flow)
        sync = await hand.start(activation, kind="resync")
        async with flow.platform.unit_of_work() as session:
            await syncs.cancel_sync(session, flow.space_id, activation, sync.id, actor=ACTOR)
        row = await flow.activation(activation)
        assert row.resync_done == row.resync_wanted
        assert (await hand.start(activation)).kind == "incremental"


class TestEnabledAgainWhileTheSyncIsClosed:
    """The stopped sync is settled after that, and the next sync sends the rest."""

    @pytest.mark.walk
    async def test_after_an_error(self, flow: Flow) -> None:
        activation, hand = await self._planned(flow)
        flow.sandbox.faults.add({"kind": "status", "status": 410})
        await hand.once(tasks=(Task.DELIVER,))
        assert (await flow.activation(activation)).state == "error"
        flow.sandbox.faults.clear()
        await self._switch(flow, activation, True)
        await hand.quiet()
        assert len(flow.received(activation)) == 10

    @pytest.mark.walk
    async def test_after_it_was_switched_off(self, flow: Flow) -> None:
        activation, hand = await self._planned(flow)
        flow.sandbox.faults.add({"kind": "status", "status": 429, "times": 1})
        await hand.once(tasks=(Task.DELIVER,))
        await self._switch(flow, activation, False)
        await self._switch(flow, activation, True)
        await hand.quiet()
        assert len(flow.received(activation)) == 10

    async def _planned(self, flow: Flow) -> tuple[str, Hand]:
        activation, hand = await flow.activate(resync=True), Hand(flow)
        await hand.once(tasks=(Task.PLAN,))
        return activation, hand

    async def _switch(self, flow: Flow, activation: str, enabled: bool) -> None:
        async with flow.platform.unit_of_work() as session:
            await activations.update_activation(
                session,
                space_id=flow.space_id,
                audience_id=flow.audience_id,
                activation_id=activation,
                changes=activations.ActivationChanges(enabled=enabled),
                actor=ACTOR,
                now=clock.now(),
            )


class TestPlansThatCannotBeMade:
    async def test_the_sync_says_so_and_does_not_stay_open(self, flow: Flow) -> None:
        """A failure before the engine starts counts like any other."""
        activation = await flow.activate(resync=True)
        await _destroy_settings(flow)
        sync = (await flow.syncs(activation))[-1]
        assert await plan_sync(flow.platform, flow.space_id, sync.id, lane="test")
        broken = (await flow.syncs(activation))[-1]
        assert (broken.attempts, broken.lease_until) == (1, None)
        assert broken.error is not None


async def _destroy_settings(flow: Flow) -> None:
    from app.storage.models import Destination

    async with flow.platform.unit_of_work() as session:
        query = select(Destination).where(Destination.id == flow.destination_id)
        (await session.scalars(query)).one().settings = b"not encrypted by anybody"


class TestAuditTrail:
    async def test_it_says_who_started_and_cancelled(self, flow: Flow) -> None:
        activation = await flow.activate(enabled=True)
        row = await flow.activation(activation)
        async with flow.platform.unit_of_work() as session:
            sync = await syncs.start_sync(session, row, kind="resync", dry_run=False, actor="ada")
            await syncs.cancel_sync(session, flow.space_id, activation, sync.id, actor="bob")
        async with flow.platform.unit_of_work() as session:
            query = select(AuditEvent.type, AuditEvent.actor).where(
                AuditEvent.resource_id == sync.id
            )
            said = {tuple(one) for one in await session.execute(query)}
        assert said == {("Sync Started", "ada"), ("Sync Cancelled", "bob")}
