"""Recorded places: computed once, again after a change, and for accounts of an earlier version of the service."""

from __future__ import annotations

from sqlalchemy import select

from app.services.places.place_names import refresh_places
from app.services.platform.platform import Platform
from app.storage.models import HeldPlace
from tests.integration.services.places.owners import IDENTITY, Owner, owners


async def recorded(owner: Owner) -> dict[str, bool]:
    """The recorded places of an activation without their account, and whether they are current."""
    flow = owner.flow
    workspace = await flow.workspace_id()
    async with flow.platform.unit_of_work() as session:
        await refresh_places(
            session, flow.platform.keyring, workspace, flow.space_id, flow.destination_id
        )
    async with flow.platform.unit_of_work() as session:
        query = select(HeldPlace).where(HeldPlace.activation_id == owner.id)
        rows = (await session.scalars(query)).all()
    return {row.place.partition(":")[2]: row.current for row in rows}


async def test_places_follow_the_revision_and_the_account(platform: Platform) -> None:
    async with owners(platform) as them:
        one = them.one
        await one.activate(**IDENTITY)
        await them.other.activate(**IDENTITY)
        assert await recorded(one) == {"attribute:audience_buyers": True}
        assert await recorded(them.other) == {"attribute:audience_buyers": True}
        await them.hand.configure(one.id, connectionSettings={"attribute_name": "vip"})
        # Keys may be left at the place of the former revision.
        assert await recorded(one) == {"attribute:audience_buyers": False, "attribute:vip": True}
        await one.flow.change_account({"api_key": "of-another-workspace"})
        assert await recorded(one) == {"attribute:vip": True}
