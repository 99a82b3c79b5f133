"""Profiles that Klaviyo renamed while a sync was sent: what the sync reports, which syncs follow, and when that ends."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors.destinations.klaviyo.connector import KlaviyoConnector
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.klaviyo.state import Profile
from app.services.platform.platform import Platform
from app.services.syncs import renames
from tests.integration.services.places.owners import Owner, Owners, owners

LIST = "AbCdEf"
CONFIG: dict[str, Any] = {
    "connectionSettings": {"list_id": LIST},
    "idSync": [
        {"externalId": "user_id", "strategy": "last", "mapTo": "external_id"},
        {"externalId": "phone", "strategy": "last", "mapTo": "phone_number"},
    ],
}
NUMBER = "+491701234501"
LIMIT = 4  # syncs that follow at once, in these tests


@pytest.fixture(autouse=True)
def one_at_a_time(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each member is written by a call of its own, in the order of the keys."""

    def one_row(*_: object) -> int:
        return 1

    monkeypatch.setattr(KlaviyoConnector, "rows_per_call", one_row)
    monkeypatch.setitem(vars(platform.settings), "delivery_concurrency_per_account", 1)
    monkeypatch.setattr(renames, "MAX_FOLLOWING", LIMIT)


def klaviyo() -> KlaviyoEmulator:
    partner = KlaviyoEmulator(job_seconds=0, limits=False)
    partner.account.new_list("VIP", LIST)
    return partner


def on_list(partner: KlaviyoEmulator) -> set[str]:
    account = partner.account
    return {account.profiles[one].attributes["external_id"] for one in account.lists[LIST].members}


async def supply(them: Owners, owner: Owner, **phones: str | None) -> None:
    await owner.flow.supply(
        {"profile_id": name, "user_id": name, "phone": phone} for name, phone in phones.items()
    )
    await them.all()


def give_one_profile(partner: KlaviyoEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the partner find the profile of ``a`` for everybody, from now on."""
    same, _ = partner.account.upsert({"external_id": "a"})

    def always_the_same(*_: object, **__: object) -> tuple[Profile, bool]:
        return same, False

    monkeypatch.setattr(partner.account, "upsert", always_the_same)


@pytest.mark.walk
async def test_the_members_are_sent_again_at_once(platform: Platform) -> None:
    partner = klaviyo()
    partner.account.upsert({"external_id": "a", "phone_number": NUMBER})
    async with owners(platform, partner) as them:
        await them.one.activate(**CONFIG)
        await supply(them, them.one, a=None, b=NUMBER)
        first, second = await them.one.flow.syncs(them.one.id)
        assert (first.state, first.delivered, first.rejected) == ("complete", 0, 0)
        assert first.report is not None
        assert first.report["unknown"]["counts"] == {"profile_renamed": 2}
        assert [each["row"] for each in first.report["unknown"]["samples"]] == [0, 1]
        assert (second.trigger, second.entered, second.delivered) == ("profile_renamed", 2, 2)
        assert on_list(partner) == {"a", "b"}
        assert await them.one.held() == 2
        assert (await them.one.flow.activation(them.one.id)).last_error is None


@pytest.mark.walk
async def test_another_activation_sends_its_member_again(platform: Platform) -> None:
    """Its member was sent before, so the newer one has the profile. What is sent by a schedule waits for its time."""
    partner = klaviyo()
    async with owners(platform, partner) as them:
        for owner in (them.one, them.other):
            await owner.activate(**CONFIG)
        await supply(them, them.one, a=None)
        profile = partner.account.find("external_id", "a")
        assert profile is not None
        partner.account.upsert({"phone_number": NUMBER}, profile_id=profile.id)
        await supply(them, them.other, b=NUMBER)
        assert [sync.delivered for sync in await them.other.flow.syncs(them.other.id)] == [1]
        again = await them.one.newest()
        assert (again.trigger, again.entered, again.delivered) == ("place", 1, 1)
        assert on_list(partner) == {"a", "b"}
        assert not await them.wake()


@pytest.mark.walk
async def test_members_whom_klaviyo_never_tells_apart_are_rejected(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = klaviyo()
    give_one_profile(partner, monkeypatch)
    async with owners(platform, partner) as them:
        await them.one.activate(**CONFIG)
        await supply(them, them.one, a=None, b=None)
        syncs = await them.one.flow.syncs(them.one.id)
        assert [(one.delivered, one.rejected) for one in syncs] == [(0, 0), (0, 0), (0, 2)]
        assert syncs[-1].rejections is not None
        assert syncs[-1].rejections["counts"] == {"unconfirmed": 2}
        assert "one profile for this member and another" in str(syncs[-1].rejections["samples"])


@pytest.mark.walk
async def test_members_who_entered_in_turn_are_not_entered_without_end(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status says so. The next sync enters the member again whose profile the other one has."""
    partner = klaviyo()
    async with owners(platform, partner) as them:
        await them.one.activate(**CONFIG)
        await supply(them, them.one, a=None)
        give_one_profile(partner, monkeypatch)
        await supply(them, them.one, a=None, b=None)
        first, second, *following = await them.one.flow.syncs(them.one.id)
        assert [one.entered for one in (first, second)] == [1, 1]
        assert [one.trigger for one in following] == ["profile_renamed"] * LIMIT
        error = (await them.one.flow.activation(them.one.id)).last_error
        assert error is not None
        assert error["code"] == "profile_renamed"
        await supply(them, them.one, a=None, b=None, c=None)
        ordinary = (await them.one.flow.syncs(them.one.id))[2 + LIMIT]
        assert ordinary.entered == 2, "c, and the one of a and b who was sent earlier"


@pytest.mark.walk
async def test_members_of_two_activations_are_not_entered_without_end(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = klaviyo()
    async with owners(platform, partner) as them:
        for owner in (them.one, them.other):
            await owner.activate(**CONFIG)
        await supply(them, them.one, a=None)
        give_one_profile(partner, monkeypatch)
        await supply(them, them.other, b=None)
        followed = [
            sync
            for owner in (them.one, them.other)
            for sync in await owner.flow.syncs(owner.id)
            if sync.trigger == "place"
        ]
        assert LIMIT <= len(followed) <= 2 * LIMIT
