"""A value that became empty is cleared at the partner, and nothing else is."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.sandbox.braze import BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.talon_one import TalonOneEmulator
from app.services.platform.platform import Platform
from app.storage.models import Sync
from tests.flow import Flow, installation
from tests.integration.connectors.test_partners import PARTNERS, World, prepared
from tests.stepping import Hand

KLAVIYO, BRAZE, TALON = PARTNERS


def person(**traits: Any) -> dict[str, Any]:
    return {"profile_id": "p1", "user_id": "u1", "email": "p1@example.com", **traits}


def another(**traits: Any) -> dict[str, Any]:
    return {"profile_id": "q1", "user_id": "v1", "email": "q1@example.com", **traits}


#: A member who always has all traits, so that the columns stay, and keep their types.
OTHER = {
    "profile_id": "p2", "user_id": "u2", "email": "p2@example.com",
    "tier": "blue", "city": "Rome", "vip": True,
}  # fmt: skip


async def sent(flow: Flow, activation: str, *people: dict[str, Any]) -> Sync:
    await flow.supply(people)
    await Hand(flow).quiet()
    sync = (await flow.syncs(activation))[-1]
    assert (sync.state, sync.rejected, sync.skipped) == ("complete", 0, 0), sync.rejections
    return sync


async def activate(world: World, **config: Any) -> str:
    return await world.flow.activate(
        resync=True,
        idSync=[{"externalId": world.partner.id_sync, "strategy": "last"}],
        idSyncGiven=True,
        connectionSettings=dict(world.partner.connection),
        **{"updates": True, "personalization": {"profile": {"properties": ["tier"]}}, **config},
    )


class Receiver:
    """What a webhook's receiver is told of members."""

    def __init__(self, flow: Flow, **config: Any) -> None:
        self.flow, self._config, self._seen = flow, {"updates": True, **config}, 0
        self.activation = ""

    async def told(self, *people: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """Upload. Returns the items that this sent, by member: traits, and data if it is mapped."""
        if not self.activation:
            self.activation = await self.flow.activate(resync=True, **self._config)
        await sent(self.flow, self.activation, *people)
        new = self.flow.sandbox.recorder.listed("webhook", 1_000, self._seen)
        self._seen = new[-1]["number"] if new else self._seen
        lists = [json.loads(request["body"])["data"] for request in new]
        found = defaultdict(list)
        for one in lists:
            for item in (*one["entered"], *one["updated"]):
                said = {name: item[name] for name in ("traits", "data") if name in item}
                found[item["id"].partition("@")[0]].append(said)
        return found

    async def items(self, *people: dict[str, Any]) -> list[dict[str, Any]]:
        """Upload. Returns the items of p1 that this sent."""
        return (await self.told(*people))["p1"]


@asynccontextmanager
async def receiver(platform: Platform, **config: Any) -> AsyncIterator[Receiver]:
    async with installation(platform) as flow:
        yield Receiver(flow, **config)


@pytest.mark.walk
async def test_a_webhook_is_told_null_once(platform: Platform) -> None:
    """Two members change at once: what was sent of one is not cleared of the other."""
    personal = {"profile": {"properties": ["tier", "city"]}}
    first: Sequence[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"tier": "gold"}, {"tier": "gold"}),
        ({}, {"tier": None}),
        ({"city": "Bern"}, {"city": "Bern"}),  # tier was cleared already
        ({"tier": "x", "city": "y"}, {"tier": "x", "city": "y"}),
    ]
    second: Sequence[dict[str, Any]] = [
        {"city": "Bern", "tier": "0"},
        {"city": " ", "tier": "0"},
        {"city": "", "tier": "0"},  # the empty text is sent as it is
        {"tier": "0"},  # and was no value, so nothing is left to clear
    ]
    async with receiver(platform, personalization=personal) as got:
        for (given, told), also in zip(first, second, strict=True):
            found = await got.told(person(**given), another(**also), OTHER)
            assert found["p1"] == [{"traits": told}], given
            assert found["q1"] == [{"traits": also}], also
        # The columns are dropped from the file.
        found = await got.told(person(), another())
        assert found["p1"] == [{"traits": {"tier": None, "city": None}}]
        assert found["q1"] == [{"traits": {"tier": None}}]
        assert await got.told(person(), another(), {"profile_id": "p3"}) == {"p3": [{"traits": {}}]}


MAPPED: dict[str, Any] = {
    "tier": {"@path": "$.traits.tier"},
    "home": {"city": {"@path": "$.traits.city"}},
    "vip": {"@liquid": "{% if traits.vip %}yes{% endif %}"},
    "greeting": {"@template": "{{traits.tier}}"},
    "fixed": 1,
}


async def test_mapped_fields_are_cleared_and_empty_templates_are_absent(platform: Platform) -> None:
    mapping = {"actionId": "webhook-send", "settings": {"data": MAPPED}}
    async with receiver(platform, destinationMapping=mapping) as got:
        steps: Sequence[tuple[dict[str, Any], dict[str, Any]]] = [
            (person(vip=False), {"home": {}}),
            # Its template is still empty: the field was never sent, so it is not cleared.
            (
                person(vip=False, tier="a"),
                {"tier": "a", "greeting": "a", "home": {}},
            ),
            (
                person(vip=True, tier="a", city="Bern"),
                {"tier": "a", "greeting": "a", "home": {"city": "Bern"}, "vip": "yes"},
            ),
            (
                person(vip=False),
                {"tier": None, "greeting": None, "home": {"city": None}, "vip": None},
            ),
            (person(vip=None), {"home": {}}),
        ]
        for given, data in steps:
            assert await got.items(given, OTHER) == [
                {"traits": {}, "data": {"fixed": 1, **data}}
            ], given


@pytest.mark.walk
async def test_members_of_a_mapped_object_are_fields(platform: Platform) -> None:
    for value in (
        {"@path": "$.traits"},
        {"@excludeWhenNull": {"@path": "$.traits"}},
    ):
        mapping = {"actionId": "webhook-send", "settings": {"data": value}}
        async with receiver(platform, destinationMapping=mapping) as got:
            await got.items(person(tier="a", **{"address.city": "Bern"}), OTHER)
            (item,) = await got.items(person(), OTHER)
            assert item["data"]["tier"] is None
            (item,) = await got.items(person(city="Bern"), OTHER)
            assert "tier" not in item["data"]


@pytest.mark.walk
async def test_braze_is_told_null(platform: Platform) -> None:
    async with prepared(platform, BRAZE) as world:
        braze = world.emulator
        assert isinstance(braze, BrazeEmulator)
        names = {"profile": {"properties": ["tier", "city"], "mapping": {"city": "home_city"}}}
        activation = await activate(world, personalization=names)

        async def bodies(*people: dict[str, Any]) -> list[Any]:
            last = world.sandbox.recorder.listed("braze", 1)
            await sent(world.flow, activation, *people)
            new = world.sandbox.recorder.listed("braze", 1_000, last[0]["number"] if last else 0)
            rows = [row for one in new for row in json.loads(one["body"])["attributes"]]
            return [row for row in rows if row["external_id"] == "u1"]

        await bodies(person(tier="gold", city="Bern"), OTHER)
        assert await bodies(person(), OTHER) == [
            {"external_id": "u1", "tier": None, "home_city": None}
        ]
        members = braze.members("audience_buyers") or []
        attributes = next(one["attributes"] for one in members if one["external_id"] == "u1")
        assert attributes == {"audience_buyers": True}
        assert await bodies(person(tier="x"), OTHER) == [{"external_id": "u1", "tier": "x"}]
        assert world.emulator.stats()["violations"] == 0


@pytest.mark.walk
async def test_talon_one_is_told_null(platform: Platform) -> None:
    async with prepared(platform, TALON) as world:
        talon = world.emulator
        assert isinstance(talon, TalonOneEmulator)
        mapping = {
            "actionId": "talon-one-update-customer-profile",
            "settings": {"attributes": {"tier": {"@path": "$.traits.tier"}}},
        }
        activation = await activate(world, destinationMapping=mapping, personalization={})
        await sent(world.flow, activation, person(tier="gold"), OTHER)
        assert talon.profiles["u1"] == {"tier": "gold"}
        await sent(world.flow, activation, person(), OTHER)
        assert talon.profiles["u1"] == {}
        newest = world.sandbox.recorder.listed("talon_one", 1)[0]
        assert json.loads(newest["body"])["attributes"] == {"tier": None}


@pytest.mark.walk
@pytest.mark.parametrize("updates", [False, True])
async def test_without_updates_nothing_is_cleared_until_the_next_entry(
    platform: Platform, updates: bool
) -> None:
    personal = {"profile": {"properties": ["tier"]}}
    async with receiver(platform, personalization=personal, updates=updates, mode="append") as got:
        await got.items(person(tier="gold"), OTHER)
        assert await got.items(OTHER) == []  # append: the member stays, and so does what was sent
        back = await got.items(person(), OTHER)
        assert back == ([{"traits": {"tier": None}}] if updates else [])


@pytest.mark.walk
async def test_klaviyo_clears_by_single_calls(platform: Platform) -> None:
    async with prepared(platform, KLAVIYO) as world:
        names = {"profile": {"properties": ["tier", "city"], "mapping": {"city": "title"}}}
        activation = await activate(world, personalization=names)
        others = [
            {"profile_id": f"q{n}", "email": f"q{n}@example.com", "tier": "x"} for n in range(12)
        ]

        def profile() -> dict[str, Any]:
            klaviyo = world.emulator
            assert isinstance(klaviyo, KlaviyoEmulator)
            found = klaviyo.account.find("email", "p1@example.com")
            assert found is not None
            return {name: found.attributes.get(name) for name in ("title", "properties")}

        await sent(world.flow, activation, person(tier="gold", city="Dr"), OTHER, *others)
        assert profile() == {"title": "Dr", "properties": {"tier": "gold"}}
        for other in others:  # enough updates for an import job
            other["tier"] = "y"
        assert (await sent(world.flow, activation, person(), OTHER, *others)).updated == 13
        assert profile() == {"title": None, "properties": {}}
        await sent(world.flow, activation, person(tier="new"), OTHER, *others)
        assert profile()["properties"] == {"tier": "new"}
        assert len(world.emulator.members(world.partner.list_id) or []) == 14
        assert world.emulator.stats()["violations"] == 0
