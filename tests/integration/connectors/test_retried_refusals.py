"""A retry of one reason sends what was rejected for it, and nothing else that was rejected."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from app.core.errors import Conflict, Invalid
from app.services.platform.platform import Platform
from app.services.syncs import get_sync, retry_sync
from app.storage.models import Sync
from tests.flow import ACTOR
from tests.integration.connectors.test_partners import PARTNERS, World, world_of

PEOPLE = [
    {"profile_id": f"p{i}", "user_id": f"u{i}", "email": f"p{i}@example.com"} for i in range(20)
]


async def ended(world: World, activation: str) -> Sync:
    return await world.flow.quiet(activation, 60)


async def retry(world: World, activation: str, sync: Sync, reason: str | None) -> Sync:
    async with world.flow.platform.unit_of_work() as session:
        return await retry_sync(
            session,
            world.flow.space_id,
            activation,
            sync.id,
            actor=ACTOR,
            reason=reason,
        )


async def pending(world: World, activation: str, sync: Sync) -> int:
    async with world.flow.platform.unit_of_work() as session:
        return (await get_sync(session, world.flow.space_id, activation, sync.id)).pending


@pytest.mark.walk
async def test_one_reason_and_later_the_other(platform: Platform) -> None:
    async with world_of(platform, PARTNERS[0]) as world:
        emulator: Any = world.emulator
        everybody = set(range(20))
        emulator.refused.update({f"p{i}@example.com": "no" for i in (1, 2)})
        emulator.refused.update({f"p{i}@example.com": "suppressed" for i in (3, 4, 5)})
        emulator.account.codes["suppressed"] = "profile_suppressed"
        activation = await world.activate()
        await world.flow.upload(PEOPLE)
        first = await ended(world, activation)
        assert first.rejections is not None
        assert first.rejections["counts"] == {"invalid": 2, "profile_suppressed": 3}
        assert world.inside() == everybody - {1, 2, 3, 4, 5}
        with pytest.raises(Invalid) as unknown:
            await retry(world, activation, first, "other")
        assert "invalid (2)" in str(unknown.value)
        assert "profile_suppressed (3)" in str(unknown.value)
        # The partner takes all of them now; only the two of the reason are sent.
        emulator.refused.clear()
        opened = await retry(world, activation, first, "invalid")
        again = await retry(world, activation, first, "invalid")
        assert (again.id, again.retried) == (
            opened.id,
            [{"sync": first.id, "reason": "invalid"}],
        )
        second = await ended(world, activation)
        assert (second.id, second.trigger, second.state) == (opened.id, "retry", "complete")
        assert (second.planned, second.delivered, second.rejected) == (2, 2, 0)
        assert second.left_out == {"refused_before": 3}
        assert await pending(world, activation, second) == 0
        assert world.inside() == everybody - {3, 4, 5}
        # Once more: nothing of this reason is left, and the others stay rejected.
        await retry(world, activation, first, "invalid")
        third = await ended(world, activation)
        assert (third.planned, third.left_out) == (0, {"refused_before": 3})
        await retry(world, activation, first, "profile_suppressed")
        fourth = await ended(world, activation)
        assert (fourth.planned, fourth.delivered, fourth.left_out) == (3, 3, {})
        assert world.inside() == everybody


@pytest.mark.walk
async def test_what_is_no_longer_known_is_refused_with_the_way_out(platform: Platform) -> None:
    async with world_of(platform, PARTNERS[0]) as world:
        emulator: Any = world.emulator
        emulator.refused.update({"p1@example.com": "no"})
        activation = await world.activate()
        await world.flow.upload(PEOPLE)
        first = await ended(world, activation)
        # Forgotten between the request and the plan: the sync fails with the reason, and the activation goes on.
        await retry(world, activation, first, "invalid")
        async with platform.unit_of_work() as session:
            await session.execute(update(Sync).where(Sync.id == first.id).values(outcome=None))
        second = await ended(world, activation)
        assert second.state == "failed"
        assert second.error is not None
        assert "Retry without a reason" in second.error["message"]
        with pytest.raises(Conflict, match="Retry without a reason"):
            await retry(world, activation, first, "invalid")
        emulator.refused.clear()
        await retry(world, activation, first, None)
        third = await ended(world, activation)
        assert (third.state, third.delivered) == ("complete", 1)
        assert world.inside() == set(range(20))
