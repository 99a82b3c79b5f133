"""Personalized properties reach the partner by their names, when a member enters and when one of them changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.sandbox.klaviyo import KlaviyoEmulator
from app.services.platform.platform import Platform
from tests.integration.connectors.test_partners import PARTNERS, World, world_of
from tests.stepping import Hand

KLAVIYO, BRAZE, TALON = PARTNERS
PERSONALIZED: dict[str, Any] = {
    "profile": {"properties": ["city", "first_name", "orders"], "mapping": {"city": "Home Town"}}
}


async def activate(world: World, **config: Any) -> str:
    return await world.flow.activate(
        resync=True,
        idSync=[{"externalId": world.partner.id_sync, "strategy": "last"}],
        idSyncGiven=True,
        **{
            "connectionSettings": dict(world.partner.connection),
            "personalization": PERSONALIZED,
            "updates": True,
            **config,
        },
    )


def ada(city: str) -> dict[str, Any]:
    return {
        "profile_id": "p1",
        "user_id": "u1",
        "email": "ada@example.com",
        "city": city,
        "first_name": "Ada",
        "orders": 3,
        "secret": "never",
    }


def profile(world: World) -> dict[str, Any]:
    assert isinstance(world.emulator, KlaviyoEmulator)
    found = world.emulator.account.find("email", "ada@example.com")
    assert found is not None
    return found.attributes


@pytest.mark.walk
async def test_klaviyo_writes_them_into_its_fields_or_own_properties(platform: Platform) -> None:
    async with world_of(platform, KLAVIYO) as world:
        activation = await activate(world)
        await world.flow.upload([ada("Bern")])
        await world.flow.quiet(activation)
        assert profile(world)["first_name"] == "Ada"
        assert profile(world)["properties"] == {"Home Town": "Bern", "orders": 3}
        await world.flow.upload([ada("Graz")])
        assert (await world.flow.quiet(activation)).updated == 1
        assert profile(world)["properties"] == {"Home Town": "Graz", "orders": 3}
        assert world.emulator.stats()["violations"] == 0


@pytest.mark.walk
async def test_a_mapping_of_the_properties_says_all_of_them(platform: Platform) -> None:
    async with world_of(platform, KLAVIYO) as world:
        mapping = {
            "actionId": "klaviyo-add-profile-to-list",
            "settings": {"properties": {"place": {"@path": "$.traits.city"}}},
        }
        activation = await activate(world, destinationMapping=mapping)
        await world.flow.upload([ada("Bern")])
        await world.flow.quiet(activation)
        assert profile(world)["properties"] == {"place": "Bern"}


@pytest.mark.walk
async def test_braze_writes_them_as_attributes_and_those_that_changed_again(
    platform: Platform,
) -> None:
    async with world_of(platform, BRAZE) as world:
        activation = await activate(world)
        await world.flow.upload([ada("Bern")])
        await world.flow.quiet(activation)
        await world.flow.upload([ada("Graz")])
        assert (await world.flow.quiet(activation)).updated == 1
        bodies = [
            json.loads(request["body"])["attributes"][0]
            for request in world.sandbox.recorder.listed("braze", 100)
            if request["method"] == "POST"
        ]
        assert bodies[0] | bodies[-1] == {
            "external_id": "u1",
            "audience_buyers": True,
            "first_name": "Ada",
            "Home Town": "Graz",
            "orders": 3,
        }


@pytest.mark.walk
async def test_a_dry_run_counts_every_attribute_that_braze_bills(platform: Platform) -> None:
    async with world_of(platform, BRAZE) as world:
        activation = await activate(world, enabled=False)
        everybody = [{**ada("Bern"), "profile_id": f"p{i}", "user_id": f"u{i}"} for i in range(100)]
        await world.flow.upload(everybody)
        await Hand(world.flow).start(activation, dry=True)
        said = (await world.flow.quiet(activation)).report
        assert said is not None
        # Membership, first name, home town and orders of each.
        assert said["cost"] == {"unit": "data points", "amount": 400}


#: What a mapping says of exits, and what is written.
ON_EXIT: list[tuple[dict[str, Any], bool | None]] = [
    ({"attribute_value_on_exit": None}, None),
    ({"attribute_value_on_exit": "null"}, None),
    ({"attribute_value_on_exit": False}, False),
    ({"attribute_value_on_exit": "false"}, False),
    ({}, False),
]


@pytest.mark.walk
async def test_braze_is_sent_on_exit_what_the_mapping_says(platform: Platform) -> None:
    async with world_of(platform, BRAZE) as world:
        attributes = [f"attribute_{number}" for number in range(len(ON_EXIT))]
        for name, (given, _) in zip(attributes, ON_EXIT, strict=True):
            mapping = {"actionId": "braze-update-user-profile", "settings": given}
            place = {"attribute_name": name}
            await activate(world, connectionSettings=place, destinationMapping=mapping)
        await world.flow.upload([ada("Bern"), {**ada("Graz"), "profile_id": "p2", "user_id": "u2"}])
        before = world.sandbox.recorder.listed("braze", 1)[0]["number"]
        await world.flow.upload([ada("Bern")])
        exits = [
            json.loads(one["body"]) for one in world.sandbox.recorder.listed("braze", 100, before)
        ]
        expected = [
            {"external_id": "u2", name: written, "_update_existing_only": True}
            for name, (_, written) in zip(attributes, ON_EXIT, strict=True)
        ]
        assert sorted(exits, key=str) == [{"attributes": [row]} for row in expected]
