"""An erased person at each partner: it leaves every list, attribute and audience; the partner's profile stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from app.sandbox.braze import DEFAULT_GROUP, BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.service import Service
from app.sandbox.talon_one import TalonOneEmulator
from app.services.platform.platform import Platform
from tests.integration.connectors.test_partners import LIST, World, world_of
from tests.integration.connectors.test_places import AB, BRAZE, KLAVIYO, TALON
from tests.integration.services.erasure.leaks import erase, leaks

ADA: dict[str, Any] = {
    "profile_id": "p-ada-17",
    "email": ["ada@example.com", "ada.l@example.org"],
    "phone": "+4915112345678",
    "user_id": "u-ada-99",
    "plan": "gold",
}
NAMES = ("ada@example.com", "ada.l@example.org", "+4915112345678", "u-ada-99", "p-ada-17")
OTHERS = [
    {
        "profile_id": f"p{number}",
        "email": f"p{number}@example.com",
        "phone": f"+49151222222{number:02}",
        "user_id": f"u{number}",
        "plan": "free",
    }
    for number in range(10)
]


@dataclass(frozen=True)
class Held:
    """An activation that holds the person: under which identifiers, and in which place."""

    ids: tuple[str, ...]
    config: dict[str, Any]

    async def start(self, world: World) -> str:
        return await world.flow.activate(
            resync=True,
            idSync=[{"externalId": name, "strategy": "all"} for name in self.ids],
            idSyncGiven=True,
            properties=["plan"],
            **self.config,
        )


HELD = {
    "klaviyo": [
        Held(("email",), {"connectionSettings": {"list_id": LIST}}),
        Held(("email",), {"split": AB}),
        Held(("phone",), {"list": {"id": "PhOnEs"}}),
    ],
    "braze": [
        Held(("user_id",), {"connectionSettings": {"attribute_name": "buyer"}}),
        Held(("email",), {"connectionSettings": {"attribute_name": "mail"}}),
        Held(("user_id",), {"connectionSettings": {"attribute_name": "vip"}, "split": AB}),
        Held(("user_id",), {"connectionSettings": {"segment_id": DEFAULT_GROUP}}),
    ],
    "talon-one": [
        Held(("user_id",), {"connectionSettings": {"audience_id": 7}}),
        Held(("user_id",), {"split": AB}),
    ],
}
#: A split has the person in one of its arms; the group's members have the attribute of the audience, too.
HELD_PLACES = {"klaviyo": 3, "braze": 5, "talon-one": 2}


def places(emulator: Service) -> dict[str, int]:
    """Return how often the person is in each list, attribute, group or audience of the partner that has it."""
    found = {}
    for one in emulator.lists():
        members = emulator.members(one["id"]) or []
        mine = [row for row in members if any(name in str(row).lower() for name in NAMES)]
        if mine:
            found[one["id"]] = len(mine)
    return found


def profiles(emulator: Service) -> list[dict[str, Any]]:
    """Return what the partner's profiles of the person have."""
    if isinstance(emulator, KlaviyoEmulator):
        return [
            {name: value for name, value in one.attributes.items() if value}
            for one in emulator.account.profiles.values()
            if any(name in str(one.attributes) for name in NAMES)
        ]
    if isinstance(emulator, BrazeEmulator):
        return [
            {**one.identity, **one.attributes, **one.groups}
            for one in emulator.users.values()
            if any(name in one.identity.values() for name in NAMES)
        ]
    assert isinstance(emulator, TalonOneEmulator)
    return [{"id": one, **has} for one, has in emulator.profiles.items() if one in NAMES]


@pytest.mark.walk
@pytest.mark.parametrize("partner", [KLAVIYO, BRAZE, TALON], ids=lambda partner: partner.slug)
async def test_no_place_at_the_partner_holds_the_person_and_its_profile_stays(
    platform: Platform, partner: Any
) -> None:
    async with world_of(platform, partner) as world:
        if isinstance(world.emulator, KlaviyoEmulator):
            world.emulator.account.new_list("Phones", "PhOnEs")
        activations = [await one.start(world) for one in HELD[partner.slug]]
        await world.flow.upload([ADA, *OTHERS])
        await world.flow.quiet(activations[-1], 60)
        assert len(places(world.emulator)) == HELD_PLACES[partner.slug]
        known = profiles(world.emulator)
        assert known
        erasure = await erase(world.flow)
        assert places(world.emulator) == {}
        others = sum(one["members"] for one in world.emulator.lists())
        assert others == len(OTHERS) * HELD_PLACES[partner.slug]
        assert [_without_flags(one) for one in profiles(world.emulator)] == [
            _without_flags(one) for one in known
        ]
        assert await leaks(world.flow, *NAMES) == []
        assert erasure.found["kept"] == []
        assert world.emulator.stats()["violations"] == 0


def _without_flags(profile: dict[str, Any]) -> dict[str, Any]:
    """Return a profile without the attributes and states of groups that an exit ends."""
    ends = (True, False, "subscribed", "unsubscribed")
    return {name: value for name, value in profile.items() if value not in ends}
