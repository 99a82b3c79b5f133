"""One-time sends: one sync, at its time, however it was opened."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.core import clock
from app.core.clock import to_wire
from app.queue import Task
from app.services.activations import activations, delivery_options
from app.services.periodic.due_schedules import open_due_schedules
from app.services.reports.status import activation_status
from tests.flow import ACTOR, Flow
from tests.stepping import Hand

ALL = {f"p{number}" for number in range(5)}


@pytest.fixture
def hand(flow: Flow) -> Hand:
    return Hand(flow)


async def disabled(flow: Flow, hand: Hand, at: datetime | None = None) -> str:
    """Create a disabled activation that sends once, with five members to send; returns its id."""
    await flow.supply({"profile_id": f"p{i}", "email": f"p{i}@example.com"} for i in range(5))
    await hand.once(tasks=(Task.RECOMPUTE,))
    activation = await flow.activate(enabled=False)
    frequency = {"type": "once", **({"at": to_wire(at)} if at else {})}
    async with flow.platform.unit_of_work() as session:
        await delivery_options.update_delivery_options(
            session,
            flow.space_id,
            flow.audience_id,
            activation,
            {"frequency": frequency},
            actor=ACTOR,
            now=clock.now(),
        )
    return activation


async def start(flow: Flow, activation: str, *, resync: bool) -> None:
    """Enable an activation as the API and the page do."""
    async with flow.platform.unit_of_work() as session:
        await activations.update_activation(
            session,
            space_id=flow.space_id,
            audience_id=flow.audience_id,
            activation_id=activation,
            changes=activations.ActivationChanges(enabled=True, perform_resync=resync),
            actor=ACTOR,
            now=clock.now(),
        )


async def swept(flow: Flow, hand: Hand, after: timedelta) -> int:
    """Open what is due after a while, and do it. Returns the number opened."""
    async with flow.platform.unit_of_work() as session:
        opened = await open_due_schedules(session, clock.now() + after)
    await hand.quiet()
    return opened


async def note(flow: Flow, activation: str) -> str:
    row = await flow.activation(activation)
    async with flow.platform.unit_of_work() as session:
        return (await activation_status(session, row, clock.now())).note


@pytest.mark.walk
async def test_the_sync_of_the_start_is_the_one_send(flow: Flow, hand: Hand) -> None:
    activation = await disabled(flow, hand)
    await start(flow, activation, resync=True)
    await hand.quiet()
    assert flow.received(activation) == ALL
    assert await swept(flow, hand, timedelta(minutes=5)) == 0, "no second, empty sync"
    assert [one.kind for one in await flow.syncs(activation)] == ["resync"]
    assert (await flow.activation(activation)).next_due_at is None
    assert "Nothing more is sent automatically" in await note(flow, activation)


@pytest.mark.walk
async def test_members_that_count_as_there_leave_nothing_for_a_send_whose_time_is_over(
    flow: Flow, hand: Hand
) -> None:
    activation = await disabled(flow, hand, clock.now() - timedelta(minutes=4))
    await start(flow, activation, resync=False)
    await hand.quiet()
    assert await swept(flow, hand, timedelta(minutes=5)) == 0, "no second, empty sync"
    assert [(one.kind, one.planned) for one in await flow.syncs(activation)] == [("baseline", 0)]
    assert (await flow.activation(activation)).next_due_at is None
    assert "Nothing more is sent automatically" in await note(flow, activation)
    assert flow.received(activation) == set()


@pytest.mark.walk
async def test_members_that_count_as_there_leave_later_changes_for_a_send_to_come(
    flow: Flow, hand: Hand
) -> None:
    activation = await disabled(flow, hand, clock.now() + timedelta(hours=1))
    await start(flow, activation, resync=False)
    await hand.quiet()
    assert [one.kind for one in await flow.syncs(activation)] == ["baseline"]
    await flow.supply({"profile_id": f"p{i}", "email": f"p{i}@example.com"} for i in range(7))
    await hand.quiet()
    assert flow.received(activation) == set()
    assert await swept(flow, hand, timedelta(hours=2)) == 1
    assert flow.received(activation) == {"p5", "p6"}
    assert (await flow.activation(activation)).next_due_at is None


@pytest.mark.walk
async def test_nothing_is_sent_before_its_time(flow: Flow, hand: Hand) -> None:
    activation = await disabled(flow, hand, clock.now() + timedelta(hours=1))
    await start(flow, activation, resync=True)
    await swept(flow, hand, timedelta(minutes=5))
    assert await flow.syncs(activation) == []
    assert "once, all members are sent." in await note(flow, activation)
    assert await swept(flow, hand, timedelta(hours=2)) == 1
    assert flow.received(activation) == ALL
    assert [one.kind for one in await flow.syncs(activation)] == ["resync"]
    assert (await flow.activation(activation)).next_due_at is None


async def test_a_sync_that_is_requested_before_its_time_is_sent_at_once_and_does_not_replace_it(
    flow: Flow, hand: Hand
) -> None:
    activation = await disabled(flow, hand, clock.now() + timedelta(hours=1))
    await start(flow, activation, resync=True)
    await hand.start(activation)
    await hand.quiet()
    assert flow.received(activation) == ALL
    assert (await flow.activation(activation)).next_due_at is not None


async def test_a_disabled_one_says_when_its_resync_is_sent(flow: Flow, hand: Hand) -> None:
    activation = await disabled(flow, hand, clock.now() + timedelta(hours=1))
    await start(flow, activation, resync=True)
    async with flow.platform.unit_of_work() as session:
        await activations.update_activation(
            session,
            space_id=flow.space_id,
            audience_id=flow.audience_id,
            activation_id=activation,
            changes=activations.ActivationChanges(enabled=False),
            actor=ACTOR,
            now=clock.now(),
        )
    assert "The requested resync is sent at " in await note(flow, activation)
