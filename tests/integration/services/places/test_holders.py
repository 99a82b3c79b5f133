"""The activations at a place, as they are compared to find profiles that the partner renamed."""

from __future__ import annotations

from math import inf

import pytest

from app.services.places import Neighbours, fetch_holders, find_neighbours
from app.services.platform import fetch_manifest
from app.services.platform.platform import Platform
from app.snapshots.engine import Manifest
from tests.integration.services.places.owners import IDENTITY, owners


@pytest.mark.walk
async def test_holdings_and_times_of_an_activation_and_the_others(platform: Platform) -> None:
    async with owners(platform) as them:
        await them.share("ab", **IDENTITY)
        await them.one.supply("abc")
        await them.plan()
        async with platform.unit_of_work() as session:
            found = await find_neighbours(session, them.one.flow.space_id, them.one.id)
        sync = await them.one.newest()
        stored = (await them.one.flow.activation(them.one.id)).holdings
        held = await fetch_manifest(platform.objects, Manifest.from_json(stored))
        own, other = await fetch_holders(platform, sync, held, found)
        assert own.holdings == held
        assert sorted(own.times) == [1, 2]
        (planned, ended), (again, still) = own.times[1], own.times[2]
        assert planned < ended < again < still == inf
        assert list(other.times) == [1]
        assert other.times[1][1] < again
        assert await fetch_holders(platform, sync, held, Neighbours()) == [own]
        await them.all()
