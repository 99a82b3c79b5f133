"""The first delivery without a resync: only later changes are sent, and the list is created with its first addition."""

from __future__ import annotations

from typing import Any

import pytest

from app.core import clock
from app.services.platform.platform import Platform
from app.services.syncs import syncs
from tests.flow import ACTOR
from tests.integration.connectors.test_partners import Partner, World, world_of
from tests.integration.connectors.test_places import KLAVIYO, TALON, inside, lists

pytestmark = pytest.mark.parametrize("partner", [KLAVIYO, TALON], ids=lambda one: one.slug)


def requests(world: World) -> int:
    """Return how many requests the partner received."""
    return len(world.sandbox.recorder.listed(world.partner.service, 100))


async def begun(world: World, **options: Any) -> str:
    """Create an activation without a resync over an audience of ten."""
    await world.members(set(range(10)))
    return await world.flow.activate(
        idSync=[{"externalId": world.partner.id_sync, "strategy": "last"}],
        idSyncGiven=True,
        **options,
    )


@pytest.mark.walk
async def test_only_later_changes_are_sent(platform: Platform, partner: Partner) -> None:
    async with world_of(platform, partner) as world:
        activation = await begun(world)
        baseline = await world.flow.quiet(activation)
        assert (baseline.kind, baseline.planned, requests(world)) == ("baseline", 0, 0)

        # Nobody was ever added, so there is no list that two members could leave.
        await world.members(set(range(2, 10)))
        left = await world.flow.quiet(activation)
        assert (left.state, left.exited, left.left_out) == (
            "complete", 0, {"list_not_created": 2},
        )  # fmt: skip
        assert (await lists(world), requests(world)) == ({}, 0)
        row = await world.flow.activation(activation)
        assert (row.held, row.assumed) == (8, 8)

        # The first addition creates the list. One who leaves in the same plan was never on it.
        await world.members(set(range(3, 11)))
        entered = await world.flow.quiet(activation)
        assert (entered.entered, entered.exited, entered.delivered) == (1, 0, 1)
        assert entered.left_out == {"list_not_created": 1}
        made = (await lists(world))["list"]
        assert inside(world, made) == {10}

        # From now on exits are sent, also of those who were only counted.
        await world.members(set(range(4, 10)))
        exits = await world.flow.quiet(activation)
        assert (exits.exited, exits.delivered, exits.left_out) == (2, 2, {})
        assert inside(world, made) == set()
        assert world.emulator.stats()["violations"] == 0


@pytest.mark.walk
async def test_the_brake_also_holds_exits_that_would_not_be_sent(
    platform: Platform, partner: Partner
) -> None:
    """A broken upload must not lead to entries of all members with the next one."""
    async with world_of(platform, partner) as world:
        activation = await begun(world, brake=True, options={"brake": {"minRemovals": 2}})
        await world.flow.quiet(activation)
        await world.members({0})
        held = await world.flow.quiet(activation)
        assert (held.state, held.hold_reason) == (
            "held",
            "9 of 10 held would be removed (90 %); the limit is 30 %.",
        )
        async with platform.unit_of_work() as session:
            await syncs.approve_sync(
                session, world.flow.space_id, activation, held.id, actor=ACTOR, now=clock.now()
            )
        approved = await world.flow.quiet(activation)
        assert (approved.state, approved.left_out) == ("complete", {"list_not_created": 9})
        row = await world.flow.activation(activation)
        assert (row.held, row.assumed, requests(world)) == (1, 1, 0)
