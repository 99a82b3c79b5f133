"""Settling that ends its workers is given up with the reason, and done when a user acts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from app.core import clock
from app.domain.activation_states import ActivationState
from app.domain.sync_states import DELIVERY_STATES
from app.queue import Task
from app.services.platform import MAX_LOST_LEASES
from app.services.syncs import lifecycle
from app.storage.models import Activation, Sync
from app.storage.repositories.syncs import SyncRepository
from tests.flow import ACTOR, Flow
from tests.stepping import Hand

WORDS = "Recording the results of a sync ended 5 workers in a row; most likely it needs more memory than there is."


async def workers_end(flow: Flow, sync: Sync, times: int = MAX_LOST_LEASES) -> None:
    """Leave a sync as workers do that end while they settle it."""
    lease = timedelta(microseconds=1)
    for _ in range(times):
        async with flow.platform.unit_of_work() as session:
            claim = SyncRepository(session).claim
            assert await claim(flow.space_id, sync.id, DELIVERY_STATES, "ended", lease)


async def sent(hand: Hand) -> tuple[str, Sync]:
    """Deliver ten entries, and do not settle; the activation and its sync."""
    activation = await hand.planned()
    await not_before(hand, clock.now() + timedelta(hours=1))
    await hand.once(tasks=(Task.DELIVER,))
    await not_before(hand, None)
    (sync,) = await hand.flow.syncs(activation)
    return activation, sync


async def not_before(hand: Hand, moment: datetime | None) -> None:
    """Say when the syncs may be settled."""
    async with hand.platform.unit_of_work() as session:
        await session.execute(update(Sync).values(next_at=moment))


async def set_enabled(flow: Flow, activation: str, enabled: bool) -> None:
    async with flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (flow.space_id, activation))
        assert row is not None
        row.enabled = enabled
        row.state = ActivationState.ACTIVE if enabled else ActivationState.INACTIVE
        await lifecycle.configuration_changed(session, row, resync=False, actor=ACTOR)


@pytest.mark.walk
async def test_it_is_given_up_and_done_when_the_activation_is_enabled_again(flow: Flow) -> None:
    hand = Hand(flow)
    activation, sync = await sent(hand)
    await workers_end(flow, sync)
    await hand.once(tasks=(Task.SETTLE,))
    row = await flow.activation(activation)
    assert (row.state, (row.last_error or {})["message"]) == ("error", WORDS)
    assert not await hand.once(tasks=(Task.SETTLE,)), "it would end more workers"
    await flow.supply({"profile_id": f"p{number}"} for number in range(4, 12))
    await hand.once(tasks=(Task.RECOMPUTE,))
    assert not await hand.once(tasks=(Task.PLAN,)), "its holdings are not known"
    await set_enabled(flow, activation, True)
    await hand.quiet()
    states = [sync.state for sync in await flow.syncs(activation)]
    assert (states, (await flow.activation(activation)).state) == (["failed", "complete"], "active")
    assert flow.received(activation) == {f"p{number}" for number in range(4, 12)}


@pytest.mark.walk
@pytest.mark.parametrize("enabled", [True, False])
async def test_one_that_a_user_stops_is_tried_once_more(flow: Flow, enabled: bool) -> None:
    hand = Hand(flow)
    activation, sync = await sent(hand)
    if not enabled:
        await set_enabled(flow, activation, False)
    await workers_end(flow, sync)
    await hand.once(tasks=(Task.SETTLE,))
    row = await flow.activation(activation)
    assert (row.state, (row.last_error or {})["message"]) == (
        "error" if enabled else "inactive",
        WORDS,
    )
    await set_enabled(flow, activation, False)
    await hand.quiet()
    (sync,) = await flow.syncs(activation)
    assert sync.state == ("failed" if enabled else "cancelled")


async def test_workers_that_end_count_in_a_row_only(flow: Flow) -> None:
    hand = Hand(flow)
    activation, sync = await sent(hand)
    await workers_end(flow, sync, MAX_LOST_LEASES - 1)
    async with flow.platform.unit_of_work() as session:
        await session.execute(update(Sync).values(lease_until=None))  # given back
    await workers_end(flow, sync, MAX_LOST_LEASES)
    async with flow.platform.unit_of_work() as session:
        await SyncRepository(session).report_alive(flow.space_id, sync.id, 0)  # one was only late
    await hand.quiet()
    (sync,) = await flow.syncs(activation)
    assert sync.state == "complete"
