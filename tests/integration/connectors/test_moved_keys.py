"""An address that now belongs to another person: the holdings, the list and the partner's profile follow the new owner."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import func, update

from app.queue import Task
from app.sandbox.klaviyo import KlaviyoEmulator
from app.services.periodic.due import batches_wait
from app.services.platform.platform import Platform
from app.storage.models import Batch
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.syncs import SyncRepository
from tests.integration.connectors.test_partners import PARTNERS, Partner, World, prepared
from tests.stepping import Hand

KLAVIYO, BRAZE = PARTNERS[:2]
#: Mode, and whether updates are sent, of one activation each.
OPTIONS = {
    KLAVIYO.slug: [("maintain", False), ("append", True)],
    BRAZE.slug: [("append", False), ("maintain", True)],
}
Owners = dict[str, str]  # address -> profile

#: Every address stays in use, so nothing exits and both modes agree.
FIRST: Owners = {"x": "a", "y": "b"}
STEPS: dict[str, Owners] = {
    "a chain whose first link is the last key": {"w": "a", "x": "b", "y": "c"},
    "a swap": {"w": "b", "x": "a", "y": "c"},
    "the owner is gone": {"w": "b", "x": "a", "y": "d"},
    "and returns with another address": {"v": "c", "w": "b", "x": "a", "y": "d"},
}
#: External ids at Klaviyo that differ: in a swap it refuses the identifiers of each other, so profiles keep theirs.
SWAPPED: Owners = {"w": "a", "x": "b"}


def person(name: str, address: str) -> dict[str, Any]:
    return {"profile_id": name, "user_id": f"{name}-1", "email": f"{address}@example.com"}


def people(owners: Owners) -> list[dict[str, Any]]:
    return [person(name, address) for address, name in owners.items()]


async def activate(world: World, place: str, **config: Any) -> str:
    """Activate on a list (Klaviyo) or attribute (Braze) of this name. Returns the activation's id."""
    if isinstance(world.emulator, KlaviyoEmulator):
        world.emulator.account.new_list(place, place)
    name = "list_id" if world.partner is KLAVIYO else "attribute_name"
    return await world.flow.activate(
        resync=True,
        idSync=[
            {"externalId": "email", "strategy": "last"},
            {"externalId": "user_id", "strategy": "last"},
        ],
        idSyncGiven=True,
        connectionSettings={name: place},
        **config,
    )


def addresses(world: World, place: str) -> set[str]:
    return {one["email"].partition("@")[0] for one in world.emulator.members(place) or []}


def carried(world: World, place: str) -> Owners:
    """Return ``{address: profile}`` by the external ids of a list's profiles."""
    members = world.emulator.members(place) or []
    return {one["email"].partition("@")[0]: one["external_id"][0] for one in members}


async def explained(
    client: httpx.AsyncClient, world: World, activation: str, name: str
) -> tuple[bool, list[str]]:
    """Return whether a profile is a member, and the addresses that it holds."""
    path = f"audiences/{world.flow.audience_id}/activations/{activation}/profiles/{name}"
    profile = (await client.get(path)).json()["data"]["profile"]
    held = [row["key"].partition("@")[0] for row in profile["held"] if row["held"] == "yes"]
    return profile["memberships"][0]["member"], held


@pytest.mark.walk
@pytest.mark.timeout(120)
@pytest.mark.parametrize("partner", [KLAVIYO, BRAZE], ids=lambda partner: partner.slug)
async def test_addresses_follow_their_owners(
    platform: Platform, client: httpx.AsyncClient, partner: Partner
) -> None:
    async with prepared(platform, partner) as world:
        await world.flow.sign_in(client)
        hand = Hand(world.flow)
        places = {
            f"{mode}_{updates}": await activate(
                world, f"{mode}_{updates}", mode=mode, updates=updates
            )
            for mode, updates in OPTIONS[partner.slug]
        }
        before: Owners = {}
        for number, (name, owners) in enumerate({"first": FIRST, **STEPS}.items()):
            await world.flow.supply(people(owners))
            await hand.quiet()
            moved = owners.items() - before.items()
            for place, activation in places.items():
                case = (name, place)
                sync = (await world.flow.syncs(activation))[-1]
                counts = (sync.state, sync.entered, sync.exited, sync.updated, sync.delivered)
                assert counts == ("complete", len(moved), 0, 0, len(moved)), case
                assert addresses(world, place) == set(owners), case
                if partner is KLAVIYO:
                    expected = owners | (SWAPPED if number > 1 else {})
                    assert carried(world, place) == expected, case
            # The explanations are those of another activation in each step.
            place, activation = list(places.items())[number % len(places)]
            holders = {one: address for address, one in owners.items()}
            for one in {name for _, name in moved ^ (before.items() - owners.items())}:
                told = (one in holders, [holders[one]] if one in holders else [])
                assert await explained(client, world, activation, one) == told, (name, one)
            before = owners


async def put_off(world: World, batch: Batch, minutes: int) -> None:
    async with world.flow.platform.unit_of_work() as session:
        of_batch = (Batch.sync_id == batch.sync_id, Batch.number == batch.number)
        moment = func.clock_timestamp() + timedelta(minutes=minutes)
        await session.execute(update(Batch).where(*of_batch).values(next_at=moment))


async def claimable(world: World) -> list[tuple[int, int]]:
    """Return first row and number of rows of the batches that a claim takes, without taking them."""
    async with world.flow.platform.database.sessions() as session:
        claimed = await BatchRepository(session).claim(
            owner="test", lease=timedelta(minutes=1), limit=9, busy=(), filled=()
        )
        found = [(one.batch.first_row, one.batch.row_count) for one in claimed]
        await session.rollback()
        return found


def written(world: World) -> list[str]:
    """Return the addresses of all entries that were sent to Braze, in order."""
    calls = world.sandbox.recorder.listed("braze", 1000)
    bodies = [orjson.loads(call["body"]) for call in calls if call["method"] == "POST"]
    rows = [row for body in bodies for row in body["attributes"]]
    return [row["email"].partition("@")[0] for row in rows]


async def has_candidates(world: World) -> bool:
    async with world.flow.platform.unit_of_work() as session:
        return bool(await SyncRepository(session).lock_candidates(busy=[], filled=[], resyncs=1))


@pytest.mark.walk
async def test_other_entries_and_updates_wait_until_those_of_new_owners_are_recorded(
    platform: Platform,
) -> None:
    async with prepared(platform, BRAZE) as world:
        flow, hand = world.flow, Hand(world.flow)
        activation = await activate(world, "vip", updates=True, properties=["city"])
        stays = {**person("s", "s"), "city": "Bern"}
        await flow.supply([*people({"x": "a", "u": "g"}), stays])
        await hand.quiet()
        await flow.supply([*people({"x": "b", "y": "a"}), {**stays, "city": "Graz"}])
        for task in (Task.RECOMPUTE, Task.PLAN):
            await hand.once(tasks=(task,))
        sync = (await flow.syncs(activation))[-1]
        gone, taken, entered, updated = await flow.batches(sync.id)
        kinds = [one.kind for one in (gone, taken, entered, updated)]
        assert kinds == ["exited", "entered", "entered", "updated"]
        assert await batches_wait(platform)
        assert await claimable(world) == [(0, 1), (1, 1)]
        await put_off(world, taken, 5)
        assert await claimable(world) == [(0, 1)]
        await put_off(world, gone, 5)
        assert not await has_candidates(world)
        assert not await batches_wait(platform)
        await put_off(world, taken, -5)
        await put_off(world, gone, -5)
        before = len(written(world))
        await hand.quiet()
        order = written(world)[before:]
        assert sorted(order) == ["s", "u", "x", "y"]
        assert order.index("x") < min(order.index("y"), order.index("s"))
