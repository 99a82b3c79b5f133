"""Changes during a sync, a plan or a test send: no change is lost, and no account is paused by mistake."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.connectors.errors import AuthenticationRejected
from app.core import clock
from app.core.errors import Conflict
from app.domain.activation_states import ActivationState
from app.domain.changes import ChangeKind
from app.queue import Task
from app.services.accounts.account import open_account
from app.services.activations import delivery_options
from app.services.delivery import pauses
from app.services.delivery.pump import Pump
from app.services.delivery.sync_cache import LoadedSyncs
from app.services.periodic import due_schedules
from app.services.planning import test_sends
from app.services.syncs import lifecycle, syncs
from app.storage.models import Activation, Destination, Space, Sync
from tests.flow import ACTOR, Flow, eventually
from tests.stepping import Hand

pytestmark = pytest.mark.installation(batch_size=5)

FIRST = {f"p{number}" for number in range(10)}


@pytest.fixture
def hand(flow: Flow) -> Hand:
    return Hand(flow)


async def computed(flow: Flow, hand: Hand, ids: Any) -> None:
    await flow.supply({"profile_id": f"p{i}", "email": f"p{i}@example.com"} for i in ids)
    await hand.once(tasks=(Task.RECOMPUTE,))


async def tell(flow: Flow, activation: str, **changes: Any) -> None:
    async with flow.platform.unit_of_work() as session:
        await delivery_options.update_delivery_options(
            session,
            space_id=flow.space_id,
            audience_id=flow.audience_id,
            activation_id=activation,
            changes=changes,
            actor=ACTOR,
            now=clock.now(),
        )


async def switch(flow: Flow, activation: str, *, on: bool) -> None:
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation))
        assert row is not None
        row.enabled, row.state = on, ActivationState.ACTIVE if on else ActivationState.INACTIVE
        await lifecycle.configuration_changed(session, row, resync=False, actor=ACTOR)


async def half_sent(flow: Flow, hand: Hand) -> str:
    """Create an activation whose first sync has delivered one of its two batches."""
    activation = await flow.activate(resync=True)
    await computed(flow, hand, range(10))
    await hand.once(tasks=(Task.PLAN,))
    flow.sandbox.faults.add({"kind": "status", "status": 429, "retry_after": 2, "times": 1})
    await hand.once(tasks=(Task.DELIVER,))
    assert (await flow.syncs(activation))[-1].state == "running"
    return activation


class TestAudiences:
    @pytest.mark.walk
    async def test_one_that_is_added_does_not_break_the_running_sync(
        self, flow: Flow, hand: Hand
    ) -> None:
        activation = await half_sent(flow, hand)
        other = await flow.another_audience()
        await computed(other, hand, [90])
        await tell(flow, activation, audiences=[other.audience_id])
        await Hand(flow).quiet()  # another worker, which has not loaded the sync before
        ended = await flow.syncs(activation)
        assert [(sync.state, sync.delivered) for sync in ended] == [
            ("complete", 10),
            ("complete", 1),
        ]
        assert flow.received(activation) == FIRST | {"p90"}

    @pytest.mark.walk
    async def test_one_that_nobody_has_computed_takes_a_held_plan_back(
        self, flow: Flow, hand: Hand
    ) -> None:
        activation = await flow.activate(resync=True, options={"brake": _BRAKE}, brake=True)
        await computed(flow, hand, range(10))
        await hand.quiet()
        await computed(flow, hand, range(2))
        await hand.quiet()
        held = (await flow.syncs(activation))[-1]
        assert held.state == "held"
        other = await flow.another_audience()
        await tell(flow, activation, audiences=[other.audience_id])
        async with flow.platform.unit_of_work() as session:
            with pytest.raises(Conflict, match="superseded"):
                await syncs.approve_sync(
                    session, flow.space_id, activation, held.id, actor=ACTOR, now=clock.now()
                )
        await hand.quiet()
        assert flow.received(activation) == FIRST
        await computed(other, hand, range(2, 10))
        await hand.quiet()
        assert (await flow.syncs(activation))[-1].planned == 0
        assert flow.received(activation) == FIRST

    @pytest.mark.walk
    async def test_who_is_there_already_is_not_sent_because_another_one_comes_later(
        self, flow: Flow, hand: Hand
    ) -> None:
        await computed(flow, hand, range(10))
        activation = await flow.activate(enabled=False)
        other = await flow.another_audience()
        await tell(flow, activation, audiences=[other.audience_id])
        await switch(flow, activation, on=True)
        await hand.quiet()
        await computed(other, hand, [5, 90])
        await hand.quiet()
        assert flow.received(activation) == {"p90"}

    @pytest.mark.walk
    async def test_one_that_is_added_before_a_baseline_is_planned_is_sent(
        self, flow: Flow, hand: Hand
    ) -> None:
        await computed(flow, hand, range(10))
        other = await flow.another_audience()
        await computed(other, hand, [90])
        activation = await flow.activate(enabled=False)
        await switch(flow, activation, on=True)
        await tell(flow, activation, audiences=[other.audience_id])
        await hand.quiet()
        assert [sync.kind for sync in await flow.syncs(activation)] == ["baseline", "incremental"]
        assert flow.received(activation) == {"p90"}


_BRAKE = {"enabled": True, "maxRemovalPercent": 20, "minRemovals": 2, "holdEmptyFrom": 3}


class TestOldCredentials:
    @pytest.mark.walk
    async def test_what_they_are_refused_for_does_not_pause_who_has_new_ones(
        self, flow: Flow, hand: Hand
    ) -> None:
        activation = await flow.activate(resync=True)
        await computed(flow, hand, range(10))
        await hand.once(tasks=(Task.PLAN,))
        pump = Pump(flow.platform, LoadedSyncs(flow.platform), "test", asyncio.Event())
        assert await pump._claim()
        await flow.change_account({"batch_size": 6})
        flow.sandbox.faults.add({"kind": "status", "status": 401, "times": 2})
        await pump.run()
        assert (await flow.activation(activation)).state == "active"
        await hand.quiet()
        assert flow.received(activation) == FIRST

    async def test_a_list_that_they_could_not_make_is_tried_again(
        self, flow: Flow, hand: Hand
    ) -> None:
        activation = await flow.activate(resync=True)
        await computed(flow, hand, range(10))
        async with flow.platform.unit_of_work() as session:
            space = await session.get(Space, flow.space_id)
            row = await session.get(Destination, (flow.space_id, flow.destination_id))
            assert space is not None
            assert row is not None
            old = open_account(flow.platform.keyring, space.workspace_id, row)
        await flow.change_account({"batch_size": 6})
        sync = (await flow.syncs(activation))[-1]
        refused = AuthenticationRejected("The key was refused.")
        assert not await pauses.planning_refused(flow.platform, sync, old, refused)
        assert (await flow.activation(activation)).state == "active"
        async with flow.platform.unit_of_work() as session:
            row = await session.get(Destination, (flow.space_id, flow.destination_id))
            assert row is not None
            now = open_account(flow.platform.keyring, space.workspace_id, row)
        assert await pauses.planning_refused(flow.platform, sync, now, refused)
        assert (await flow.activation(activation)).state == "error"


class TestPlanning:
    @pytest.mark.walk
    async def test_is_not_given_up_while_its_files_cannot_be_read(
        self, flow: Flow, hand: Hand
    ) -> None:
        """No later event would open that sync again."""
        activation = await flow.activate(resync=True)
        await computed(flow, hand, range(10))
        sync = (await flow.syncs(activation))[-1]
        async with flow.platform.unit_of_work() as session:
            await session.execute(update(Sync).where(Sync.id == sync.id).values(attempts=20))
        objects = flow.platform.settings.data_dir / "objects"
        away = objects.with_name("away")
        objects.rename(away)
        try:
            await hand.once(tasks=(Task.PLAN,))
        finally:
            away.rename(objects)
        waiting = (await flow.syncs(activation))[-1]
        assert (waiting.id, waiting.state) == (sync.id, "new")
        assert (await flow.activation(activation)).last_error == {
            "message": "The object store is unavailable; see the worker's log."
        }
        await hand.quiet()
        assert flow.received(activation) == FIRST
        assert (await flow.activation(activation)).last_error is None


class TestStopped:
    @pytest.mark.walk
    async def test_a_sync_that_is_made_but_once_is_made_though_it_was_stopped_before_its_plan(
        self, flow: Flow, hand: Hand
    ) -> None:
        once = {"frequency": {"type": "once", "at": "2026-01-01T00:00:00Z"}}
        activation = await flow.activate(resync=False, options=once)
        await computed(flow, hand, range(10))
        async with flow.platform.unit_of_work() as session:
            row = await session.get(Activation, (flow.space_id, activation))
            assert row is not None
            row.baseline_wanted, row.next_due_at = False, clock.now() - timedelta(seconds=1)
        async with flow.platform.unit_of_work() as session:
            assert await due_schedules.open_due_schedules(session) == 1
        await switch(flow, activation, on=False)
        assert [sync.state for sync in await flow.syncs(activation)] == ["cancelled"]
        await switch(flow, activation, on=True)
        await hand.quiet()
        assert flow.received(activation) == FIRST

    @pytest.mark.walk
    async def test_what_was_stopped_goes_on_after_a_test_send(self, flow: Flow, hand: Hand) -> None:
        activation = await half_sent(flow, hand)
        await switch(flow, activation, on=False)
        await hand.quiet()
        assert (await flow.syncs(activation))[-1].state == "cancelled"
        testing = asyncio.create_task(
            test_sends.send_test(
                flow.platform,
                space_id=flow.space_id,
                audience_id=flow.audience_id,
                activation_id=activation,
                who="p0",
                kind=ChangeKind.ENTERED,
                actor=ACTOR,
            )
        )
        await eventually(lambda: _last_kind(flow, activation, "test"))
        await switch(flow, activation, on=True)
        await hand.quiet()
        await testing
        await hand.quiet()
        assert flow.received(activation) == FIRST


async def _last_kind(flow: Flow, activation: str, kind: str) -> bool:
    return (await flow.syncs(activation))[-1].kind == kind


class TestFrequency:
    @pytest.mark.walk
    async def test_on_run_delivers_what_the_clock_had_waiting(self, flow: Flow, hand: Hand) -> None:
        daily = {"type": "daily", "at": "03:00", "zone": "UTC"}
        activation = await flow.activate(resync=True, options={"frequency": daily})
        await computed(flow, hand, range(10))
        await hand.quiet()
        assert flow.received(activation) == set()
        await tell(flow, activation, frequency={"type": "on_run"})
        await hand.quiet()
        assert flow.received(activation) == FIRST
