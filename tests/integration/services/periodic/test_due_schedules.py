"""Due schedules, and activations that are enabled again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core import clock
from app.domain.activation_states import ActivationState
from app.services.periodic.due_schedules import open_due_schedules
from app.services.syncs import lifecycle, syncs
from app.storage.models import Activation, AudienceSchedule
from tests.flow import ACTOR, Flow, eventually, worker

DAILY = {"frequency": {"type": "daily", "at": "00:00", "zone": "UTC"}}


async def changed(flow: Flow, activation_id: str, *, enabled: bool | None = None) -> None:
    """Update an activation as the API does."""
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation_id))
        assert row is not None
        if enabled is not None:
            row.enabled, row.state = (
                enabled,
                ActivationState.ACTIVE if enabled else ActivationState.INACTIVE,
            )
        await lifecycle.configuration_changed(session, row, resync=False, actor=ACTOR)


async def due_now(flow: Flow, activation_id: str) -> None:
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation_id))
        assert row is not None
        row.next_due_at = clock.now() - timedelta(seconds=1)


class TestSchedules:
    async def test_one_that_cannot_be_read_does_not_stop_the_others(self, flow: Flow) -> None:
        async with worker(flow.platform):
            activation = await flow.activate(resync=True, options=DAILY)
            await flow.members(range(3))
        async with flow.platform.unit_of_work() as session:
            session.add(
                AudienceSchedule(
                    space_id=flow.space_id,
                    id="broken",
                    audience_id=flow.audience_id,
                    strategy="SPECIFIC_DAYS",
                    config={"timezone": "Nowhere/Nothing", "days": 7, "hours": "never"},
                    next_due_at=clock.now() - timedelta(minutes=1),
                )
            )
        await due_now(flow, activation)
        async with flow.platform.unit_of_work() as session:
            assert await open_due_schedules(session) == 1
        assert [one.state for one in await flow.syncs(activation)] == ["new"]


class TestFrequency:
    @pytest.mark.walk
    async def test_a_newer_snapshot_waits_for_the_clock(self, flow: Flow) -> None:
        async with worker(flow.platform):
            await flow.members(range(3))
            activation = await flow.activate(resync=True, options=DAILY)
            await flow.quiet(activation)
            await flow.members(range(5))
        await changed(flow, activation)
        assert len(await flow.syncs(activation)) == 1

    @pytest.mark.walk
    async def test_a_time_that_comes_while_a_sync_is_running_is_not_missed(
        self, flow: Flow
    ) -> None:
        async with worker(flow.platform):
            await flow.members(range(3))
            activation = await flow.activate(resync=True, options=DAILY)
            flow.sandbox.faults.add({"kind": "slow", "seconds": 1.0, "times": 1})
            await eventually(lambda: _running(flow, activation))
            await due_now(flow, activation)
            async with flow.platform.unit_of_work() as session:
                await open_due_schedules(session)
            row = await flow.activation(activation)
        assert row.next_due_at is not None
        assert row.next_due_at < clock.now() + timedelta(minutes=2)


class TestStoppedAndEnabledAgain:
    @pytest.mark.walk
    async def test_what_had_not_been_sent_is_sent(self, flow: Flow) -> None:
        async with worker(flow.platform):
            activation = await flow.activate()
            flow.sandbox.faults.add({"kind": "slow", "seconds": 0.3})
            await flow.members(range(3000))
            await eventually(lambda: len(flow.received(activation)) > 0)
            await changed(flow, activation, enabled=False)
            stopped = await flow.quiet(activation)
            assert (stopped.state, len(flow.received(activation)) < 3000) == ("cancelled", True)
            flow.sandbox.faults.clear()
            await changed(flow, activation, enabled=True)
            await flow.quiet(activation)
        assert len(flow.received(activation)) == 3000

    @pytest.mark.walk
    async def test_what_somebody_cancelled_is_not_taken_up_by_a_change_of_its_name(
        self, flow: Flow
    ) -> None:
        async with worker(flow.platform):
            activation = await flow.activate(brake=True)
            await flow.members(range(200))
            await flow.quiet(activation)
            await flow.members(range(10))
            held = await flow.quiet(activation)
        async with flow.platform.unit_of_work() as session:
            await syncs.cancel_sync(session, flow.space_id, activation, held.id, actor=ACTOR)
        await changed(flow, activation)
        assert (await flow.syncs(activation))[-1].state == "cancelled"


async def _running(flow: Flow, activation: str) -> bool:
    return any(one.state == "running" for one in await flow.syncs(activation))


class TestAccountsThatLetNobodyIn:
    @pytest.mark.walk
    async def test_enabling_one_activation_again_probes_the_account(self, flow: Flow) -> None:
        """Otherwise an account that was fixed at the partner would stay paused until a user checks it."""
        async with worker(flow.platform):
            activation = await flow.activate()
            flow.sandbox.faults.add({"kind": "status", "status": 401})
            await flow.members(range(5))
            await eventually(lambda: _in_error(flow, activation))
            await flow.quiet(activation)
            flow.sandbox.faults.clear()
            await changed(flow, activation, enabled=True)
            sync = await flow.quiet(activation)
        assert (sync.state, sync.delivered) == ("complete", 5)


async def _in_error(flow: Flow, activation: str) -> bool:
    return (await flow.activation(activation)).state == "error"
