"""Lists that are created at a partner."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from app.connectors.destinations.klaviyo.connector import KlaviyoConnector
from app.queue import Task
from app.services.periodic.due import find_due
from app.services.planning.plan import plan_sync
from app.services.platform.platform import Platform
from app.storage.models import Sync
from tests.integration.connectors.test_partners import (
    Partner,
    prepared,
    world_of,
)
from tests.integration.connectors.test_places import (
    AB,
    KLAVIYO,
    MEMBERS,
    TALON,
    activate,
    arm,
    inside,
    lists,
)
from tests.stepping import Hand


@pytest.mark.walk
@pytest.mark.parametrize("partner", [KLAVIYO, TALON], ids=lambda partner: partner.slug)
async def test_each_arm_has_a_list_that_is_made_for_it(
    platform: Platform, partner: Partner
) -> None:
    async with world_of(platform, partner) as world:
        activation = await activate(world, split=AB)
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        made = await lists(world)
        assert set(made) == {"A", "B"}
        for name, target in made.items():
            assert inside(world, target) == arm(activation, name)

        # A new arm takes its share: those members leave their former lists.
        arms = [*AB, {"name": "C", "weight": 50}]
        await Hand(world.flow).configure(activation, split=arms)
        await world.flow.quiet(activation, 60)
        for name, target in (await lists(world)).items():
            assert inside(world, target) == arm(activation, name, arms)
        assert world.emulator.stats()["violations"] == 0


@pytest.mark.walk
@pytest.mark.parametrize("partner", [KLAVIYO, TALON], ids=lambda partner: partner.slug)
async def test_two_activations_that_need_the_list_of_their_connection_at_once_agree_on_one(
    platform: Platform, partner: Partner
) -> None:
    async with prepared(platform, partner) as world:
        hand = Hand(world.flow)
        for activation in [await activate(world) for _ in range(2)]:
            assert await world.flow.syncs(activation) == []
        await world.flow.supply(
            {"profile_id": f"p{i}", "user_id": f"u{i}", "email": f"p{i}@example.com"}
            for i in range(5)
        )
        await hand.once(tasks=(Task.RECOMPUTE,))
        async with platform.unit_of_work() as session:
            found = await find_due(session)
        due = [(one.space_id, one.subject_id) for one in found if one.task is Task.PLAN]
        planned = [plan_sync(platform, *one, lane="test") for one in due]
        assert len(planned) == 2
        await asyncio.gather(*planned)
        async with platform.unit_of_work() as session:
            states = [await session.get(Sync, one) for one in due]
        assert [one.state for one in states if one is not None] == ["pending", "pending"]
        assert set(await lists(world)) == {"list"}


async def test_the_id_of_a_list_is_kept_if_the_plan_is_cut_after_its_call(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the id, the next plan would create another list, or be refused because the list exists."""
    made = asyncio.Event()
    create = KlaviyoConnector.create_list

    async def slow(self: KlaviyoConnector, name: str, reference: str) -> str:
        found = await create(self, name, reference)
        made.set()
        await asyncio.sleep(0.1)  # the response is under way
        return found

    monkeypatch.setattr(KlaviyoConnector, "create_list", slow)
    async with prepared(platform, KLAVIYO) as world:
        hand = Hand(world.flow)
        await activate(world)
        await world.flow.supply(
            {"profile_id": f"p{i}", "user_id": f"u{i}", "email": f"p{i}@example.com"}
            for i in range(5)
        )
        await hand.once(tasks=(Task.RECOMPUTE,))
        async with platform.unit_of_work() as session:
            found = await find_due(session)
        (due,) = [(one.space_id, one.subject_id) for one in found if one.task is Task.PLAN]
        planning = asyncio.create_task(plan_sync(platform, *due, lane="test"))
        await asyncio.wait_for(made.wait(), 20)
        planning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await planning
        assert set(await lists(world)) == {"list"}
