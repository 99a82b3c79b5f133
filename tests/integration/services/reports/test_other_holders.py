"""Reports about members whom another activation holds at the same place."""

from __future__ import annotations

import pytest

from app.core import clock
from app.sandbox.klaviyo import KlaviyoEmulator
from app.services.holdings import check_drift
from app.services.platform.platform import Platform
from app.services.reports import explain_profile
from app.snapshots.comparison import Drift
from tests.flow import ACTOR
from tests.integration.services.places.owners import Owner, owners

LIST = "AbCdEf"


async def compared(platform: Platform, owner: Owner) -> Drift:
    flow = owner.flow
    return await check_drift(
        platform,
        space_id=flow.space_id,
        audience_id=flow.audience_id,
        activation_id=owner.id,
        repair=False,
        actor=ACTOR,
        now=clock.now(),
    )


async def explained(platform: Platform, owner: Owner, profile: str) -> tuple[list[str], list[str]]:
    """Return the states in which a profile is held, and the activations that hold it too."""
    flow = owner.flow
    found = await explain_profile(
        platform,
        space_id=flow.space_id,
        audience_id=flow.audience_id,
        activation_id=owner.id,
        profile_id=profile,
    )
    return [one.held for one in found.held], [one.activation_id for one in found.held_by_others]


@pytest.mark.walk
async def test_dropped_and_waiting_exits_are_explained_and_are_no_drift(platform: Platform) -> None:
    partner = KlaviyoEmulator(job_seconds=0)
    partner.account.new_list("VIP", LIST)
    async with owners(platform, partner) as them:
        one, other = them.one, them.other
        await one.activate(connectionSettings={"list_id": LIST})
        await other.activate(connectionSettings={"list_id": LIST}, mode="append")
        await one.supply("abc")
        await other.supply("ab")
        await them.all()
        # The other one only adds, so the exits of a and b wait: they are ``left``. Nobody else has c.
        await one.supply("d")
        await them.all()
        assert await explained(platform, one, "a") == (["left"], [other.id])
        assert await explained(platform, one, "c") == ([], [])
        found = await compared(platform, one)
        assert (found.there, found.held, found.of_others) == (3, 1, 2)
        assert (found.missing, found.extra, found.foreign) == (0, 0, 0)
        # Of the other one, d is a member whom the first one holds, not one of another product.
        found = await compared(platform, other)
        assert (found.held, found.of_others, found.extra, found.foreign) == (2, 1, 0, 0)


@pytest.mark.walk
async def test_a_dropped_exit_names_who_holds_the_member(platform: Platform) -> None:
    partner = KlaviyoEmulator(job_seconds=0)
    partner.account.new_list("VIP", LIST)
    async with owners(platform, partner) as them:
        await them.share("abc", connectionSettings={"list_id": LIST})
        await them.one.supply("b")
        await them.all()
        assert await explained(platform, them.one, "a") == ([], [them.other.id])
        found = await compared(platform, them.one)
        assert (found.there, found.held, found.of_others) == (3, 1, 2)
        assert (found.missing, found.extra, found.foreign) == (0, 0, 0)
