"""An address that now belongs to another person: the holdings, the list and the partner's profile follow the new owner."""

from __future__ import annotations

from typing import Any

import pytest

from app.sandbox.klaviyo import KlaviyoEmulator
from app.services.platform.platform import Platform
from tests.integration.connectors.test_partners import LIST, PARTNERS, World, world_of

KLAVIYO = PARTNERS[0]


def person(name: str, address: str) -> dict[str, Any]:
    return {"profile_id": name, "user_id": f"{name}-1", "email": f"{address}@example.com"}


async def activate(world: World) -> str:
    return await world.flow.activate(
        resync=True,
        idSync=[
            {"externalId": "email", "strategy": "last"},
            {"externalId": "user_id", "strategy": "last"},
        ],
        idSyncGiven=True,
        connectionSettings={"list_id": LIST},
    )


async def sent(world: World, activation: str, *people: dict[str, Any]) -> Any:
    await world.flow.upload(list(people))
    return await world.flow.quiet(activation, 60)


def owners(world: World) -> dict[str, str]:
    """Return ``{address: external id}`` of the list's profiles."""
    klaviyo = world.emulator
    assert isinstance(klaviyo, KlaviyoEmulator)
    return {one["email"]: one["external_id"] for one in klaviyo.members(LIST) or []}


@pytest.mark.timeout(120)
async def test_the_new_owner_enters_and_the_former_one_can_return(platform: Platform) -> None:
    async with world_of(platform, KLAVIYO) as world:
        activation = await activate(world)
        await sent(world, activation, person("a", "x"))
        assert owners(world) == {"x@example.com": "a-1"}
        sync = await sent(world, activation, person("b", "x"))
        assert (sync.state, sync.entered, sync.exited) == ("complete", 1, 0)
        assert owners(world) == {"x@example.com": "b-1"}
        sync = await sent(world, activation, person("b", "x"), person("a", "y"))
        assert (sync.state, sync.entered, sync.exited) == ("complete", 1, 0)
        assert owners(world) == {"x@example.com": "b-1", "y@example.com": "a-1"}
