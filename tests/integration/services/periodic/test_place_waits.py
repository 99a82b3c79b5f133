"""Waits for another activation: one sync for each of its changes, and none for an activation with a schedule."""

from __future__ import annotations

import pytest

from app.services.platform.platform import Platform
from tests.integration.services.places.owners import IDENTITY, owners

HOURLY = {"frequency": {"type": "interval", "minutes": 60}}


@pytest.mark.walk
async def test_a_sync_is_opened_once_for_a_change_of_the_other(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("ab", mode="append", **IDENTITY)
        await them.hand.configure(them.one.id, mode="maintain")
        await them.one.supply("a")
        await them.hand.quiet()
        assert await them.wake() == 0  # the other has not changed
        before = len(await them.one.flow.syncs(them.one.id))
        await them.other.supply("abc")
        await them.hand.quiet()
        assert await them.wake() == 1
        await them.one.cancel()
        assert await them.wake() == 0
        assert len(await them.one.flow.syncs(them.one.id)) == before + 1


@pytest.mark.walk
async def test_an_activation_with_a_schedule_waits_for_its_time(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("ab", mode="append", **IDENTITY)
        async with platform.unit_of_work() as session:
            row = await them.one.flow.activation(them.one.id)
            row.options = {**row.options, **HOURLY}
            session.add(row)
        await them.hand.configure(them.one.id, mode="maintain")
        await them.one.supply("a")
        await them.hand.start(them.one.id)
        await them.hand.quiet()
        assert (await them.one.newest()).left_out == {"held_by_another": 1}
        await them.other.remove()
        assert await them.wake() == 0
