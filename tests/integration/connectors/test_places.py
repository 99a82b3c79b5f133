"""Places: each arm of a split has a list, an attribute or only a property; and lists that change."""

from __future__ import annotations

from typing import Any

import pytest

from app.core import clock
from app.domain.activation_states import ActivationState
from app.domain.splits import assign
from app.sandbox.braze import DEFAULT_GROUP, BrazeEmulator
from app.sandbox.klaviyo import KlaviyoEmulator
from app.sandbox.talon_one import TalonOneEmulator
from app.services.holdings import drift
from app.services.platform.platform import Platform
from app.storage.models import Activation, DestinationConnection
from tests.integration.connectors.test_partners import (
    LIST,
    PARTNERS,
    Partner,
    World,
    prepared,
    world_of,
)
from tests.stepping import Hand

MEMBERS = 60
AB = [{"name": "A", "weight": 50}, {"name": "B", "weight": 50}]
KLAVIYO, BRAZE, TALON = PARTNERS


async def activate(world: World, **config: Any) -> str:
    return await world.flow.activate(
        resync=True,
        idSync=[{"externalId": world.partner.id_sync, "strategy": "last"}],
        idSyncGiven=True,
        **config,
    )


async def lists(world: World) -> dict[str, str]:
    """Return the lists that were created for the connection: arm (or ``list``) to id."""
    async with world.flow.platform.unit_of_work() as session:
        key = (world.flow.space_id, world.flow.connection_id)
        connection = await session.get(DestinationConnection, key)
        assert connection is not None
        return {name.rpartition(":")[2]: made for name, made in connection.lists.items()}


def inside(world: World, target: str) -> set[int]:
    members = world.emulator.members(target) or []
    names = [m.get("email") or m.get("external_id") or m["id"] for m in members]
    return {int(str(name).partition("@")[0][1:]) for name in names}


def arm(activation: str, name: str, arms: list[dict[str, Any]] = AB) -> set[int]:
    weights = [(one["name"], float(one["weight"])) for one in arms]
    return {i for i in range(MEMBERS) if assign(activation, weights, f"p{i}") == name}


@pytest.mark.walk
async def test_an_arm_can_have_a_list_that_is_there(platform: Platform) -> None:
    async with world_of(platform, KLAVIYO) as world:
        arms = [{**AB[0], "list": {"id": LIST}}, AB[1]]
        activation = await activate(world, split=arms)
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        made = await lists(world)
        assert set(made) == {"B"}
        assert inside(world, LIST) == arm(activation, "A")
        assert inside(world, made["B"]) == arm(activation, "B")


@pytest.mark.walk
async def test_a_property_tells_the_arms_of_one_list(platform: Platform) -> None:
    async with world_of(platform, KLAVIYO) as world:
        activation = await activate(
            world, split=AB, splitProperty="experiment", connectionSettings={"list_id": LIST}
        )
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        assert inside(world, LIST) == set(range(MEMBERS))
        assert told(world) == {i: name for name in ("A", "B") for i in arm(activation, name)}

        # Who changes arms is told so, and stays on the list.
        arms = [*AB, {"name": "C", "weight": 50}]
        await Hand(world.flow).configure(activation, split=arms)
        sync = await world.flow.quiet(activation, 60)
        moved = arm(activation, "C", arms)
        assert (sync.entered, sync.exited, sync.updated) == (0, 0, len(moved))
        assert {i for i, name in told(world).items() if name == "C"} == moved


def told(world: World) -> dict[int, str]:
    """Return the arm that was sent for each profile."""
    klaviyo = world.emulator
    assert isinstance(klaviyo, KlaviyoEmulator)
    found = {}
    for number in range(MEMBERS):
        profile = klaviyo.account.find("email", f"p{number}@example.com")
        assert profile is not None
        found[number] = profile.attributes["properties"]["experiment"]
    return found


@pytest.mark.walk
async def test_two_who_share_an_address_are_one_member_whatever_their_arms(
    platform: Platform,
) -> None:
    async with world_of(platform, KLAVIYO) as world:
        activation = await activate(
            world, split=AB, splitProperty="experiment", connectionSettings={"list_id": LIST}
        )
        shared = [{"profile_id": f"p{i}", "email": "p0@example.com"} for i in range(20)]
        await world.flow.upload(shared)
        sync = await world.flow.quiet(activation, 60)
        assert (sync.entered, sync.left_out) == (1, {"shared_key": 19})
        await world.flow.upload(shared[1:])
        await world.flow.quiet(activation, 60)
        assert inside(world, LIST) == {0}


@pytest.mark.walk
async def test_each_arm_has_an_attribute(platform: Platform) -> None:
    async with world_of(platform, BRAZE) as world:
        activation = await activate(world, split=AB, connectionSettings={"attribute_name": "vip"})
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        assert inside(world, "vip_A") == arm(activation, "A")
        assert inside(world, "vip_B") == arm(activation, "B")
        assert inside(world, "vip") == set()

        # Without the split they are in one attribute, and in none of the old ones.
        await Hand(world.flow).configure(activation, split=None)
        await world.flow.quiet(activation, 60)
        assert inside(world, "vip") == set(range(MEMBERS))
        assert inside(world, "vip_A") | inside(world, "vip_B") == set()


@pytest.mark.walk
async def test_members_leave_a_group_that_takes_fewer_at_once(platform: Platform) -> None:
    async with world_of(platform, BRAZE) as world:
        braze = world.emulator
        assert isinstance(braze, BrazeEmulator)
        activation = await activate(
            world, connectionSettings={"batch_size": 75, "segment_id": DEFAULT_GROUP}
        )
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        assert inside(world, DEFAULT_GROUP) == set(range(MEMBERS))
        await Hand(world.flow).configure(activation, connectionSettings={"batch_size": 75})
        sync = await world.flow.quiet(activation, 60)
        assert (sync.state, sync.batches, sync.delivered) == ("complete", 2, 2 * MEMBERS)
        assert inside(world, DEFAULT_GROUP) == set()
        assert inside(world, "audience_buyers") == set(range(MEMBERS))
        assert braze.stats()["violations"] == 0


@pytest.mark.walk
@pytest.mark.parametrize("by", ["connection", "option"])
async def test_members_move_to_another_list_when_it_is_named(platform: Platform, by: str) -> None:
    async with world_of(platform, KLAVIYO) as world:
        klaviyo = world.emulator
        assert isinstance(klaviyo, KlaviyoEmulator)
        klaviyo.account.new_list("Other", "OtHeRr")
        activation = await activate(world, connectionSettings={"list_id": LIST})
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        assert inside(world, LIST) == set(range(MEMBERS))
        change: dict[str, Any] = (
            {"connectionSettings": {"list_id": "OtHeRr"}}
            if by == "connection"
            else {"list": {"id": "OtHeRr"}}
        )
        await Hand(world.flow).configure(activation, **change)
        sync = await world.flow.quiet(activation, 60)
        assert (sync.entered, sync.exited, sync.state) == (MEMBERS, MEMBERS, "complete")
        assert inside(world, LIST) == set()
        assert inside(world, "OtHeRr") == set(range(MEMBERS))


@pytest.mark.walk
@pytest.mark.parametrize("partner", [KLAVIYO, TALON], ids=lambda partner: partner.slug)
async def test_a_list_that_was_deleted_at_the_partner_is_left_without_it(
    platform: Platform, partner: Partner
) -> None:
    async with world_of(platform, partner) as world:
        activation = await activate(world, connectionSettings=dict(partner.connection))
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        if isinstance(world.emulator, KlaviyoEmulator):
            world.emulator.account.lists.pop(LIST)
        else:
            assert isinstance(world.emulator, TalonOneEmulator)
            world.emulator.audiences.pop(7)
        await Hand(world.flow).configure(activation, connectionSettings={})
        sync = await world.flow.quiet(activation, 60)
        assert (sync.entered, sync.exited, sync.state) == (MEMBERS, MEMBERS, "complete")
        (made,) = (await lists(world)).values()
        assert inside(world, made) == set(range(MEMBERS))


async def test_a_dry_run_shows_the_request_of_each_arm_before_its_list_is_there(
    platform: Platform,
) -> None:
    async with world_of(platform, KLAVIYO) as world:
        activation = await activate(world, split=AB, enabled=False)
        await world.members(set(range(MEMBERS)))
        hand = Hand(world.flow)
        started = await hand.start(activation, dry=True)
        said = await world.flow.quiet(activation, 60)
        assert (said.id, said.state) == (started.id, "complete")
        assert said.report is not None
        requests = said.report["requests"]
        assert [request["change"] for request in requests] == ["entered", "entered"]
        assert sorted(request["arms"] for request in requests) == [["A"], ["B"]]
        assert all("creates it first" in request["note"] for request in requests)
        assert await lists(world) == {}


@pytest.mark.walk
@pytest.mark.parametrize("by", ["connection", "option"])
async def test_no_member_moves_when_a_created_list_is_named(platform: Platform, by: str) -> None:
    async with world_of(platform, KLAVIYO) as world:
        activation = await activate(world)
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        (made,) = (await lists(world)).values()
        named: dict[str, Any] = (
            {"connectionSettings": {"list_id": made}}
            if by == "connection"
            else {"list": {"id": made}}
        )
        await Hand(world.flow).configure(activation, **named)
        sync = await world.flow.quiet(activation, 60)
        assert (sync.number, sync.state, sync.planned) == (2, "complete", 0)
        await world.members(set(range(1, MEMBERS + 1)))
        sync = await world.flow.quiet(activation, 60)
        assert (sync.entered, sync.exited, sync.state) == (1, 1, "complete")
        assert inside(world, made) == set(range(1, MEMBERS + 1))


@pytest.mark.walk
async def test_an_upsert_that_names_a_created_list_adds_its_members_there(
    platform: Platform,
) -> None:
    async with world_of(platform, KLAVIYO) as world:
        activation = await activate(world)
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        (made,) = (await lists(world)).values()
        await enable(world, activation, enabled=False)
        await world.members(set(range(MEMBERS + 5)))
        mapping = {"actionId": "klaviyo-upsert-profile", "settings": {"list_id": made}}
        upserting = await activate(world, destinationMapping=mapping)
        await Hand(world.flow).start(upserting, kind="resync")
        await world.flow.quiet(upserting, 60)
        assert inside(world, made) == set(range(MEMBERS + 5))


@pytest.mark.walk
async def test_no_member_moves_when_the_list_created_for_an_arm_is_named(
    platform: Platform,
) -> None:
    async with world_of(platform, KLAVIYO) as world:
        activation = await activate(world, split=AB)
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        made = await lists(world)
        named = [{**one, "list": {"id": made[str(one["name"])]}} for one in AB]
        await Hand(world.flow).configure(activation, split=named)
        sync = await world.flow.quiet(activation, 60)
        assert (sync.number, sync.state, sync.planned) == (2, "complete", 0)
        # The other way round all change places.
        swapped = [{**AB[0], "list": {"id": made["B"]}}, {**AB[1], "list": {"id": made["A"]}}]
        await Hand(world.flow).configure(activation, split=swapped)
        await world.flow.quiet(activation, 60)
        assert inside(world, made["B"]) == arm(activation, "A")
        assert inside(world, made["A"]) == arm(activation, "B")


@pytest.mark.walk
async def test_drift_reads_the_shared_list_beside_that_of_one_arm(platform: Platform) -> None:
    async with world_of(platform, KLAVIYO) as world:
        arms = [{**AB[0], "list": {"id": LIST}}, AB[1]]
        activation = await activate(world, split=arms, splitProperty="experiment")
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        (made,) = (await lists(world)).values()
        assert inside(world, made) == arm(activation, "B")
        found = await drift.check_drift(
            platform,
            space_id=world.flow.space_id,
            audience_id=world.flow.audience_id,
            activation_id=activation,
            repair=False,
            actor="test",
            now=clock.now(),
        )
        assert (found.there, found.held, found.missing) == (MEMBERS, MEMBERS, 0)


@pytest.mark.walk
async def test_the_shared_list_of_a_split_may_not_be_gone(platform: Platform) -> None:
    async with world_of(platform, KLAVIYO) as world:
        arms = [{**AB[0], "list": {"id": LIST}}, AB[1]]
        activation = await activate(world, split=arms, splitProperty="experiment")
        await world.members(set(range(MEMBERS)))
        await world.flow.quiet(activation, 60)
        (made,) = (await lists(world)).values()
        assert isinstance(world.emulator, KlaviyoEmulator)
        world.emulator.account.lists.pop(made)
        await world.members({i for i in range(MEMBERS) if i not in arm(activation, "B")})
        sync = await world.flow.quiet(activation, 60)
        assert sync.state == "failed"


@pytest.mark.walk
async def test_what_is_held_on_an_old_list_is_kept_when_the_new_one_is_taken_over(
    platform: Platform,
) -> None:
    async with prepared(platform, KLAVIYO) as world:
        klaviyo, hand = world.emulator, Hand(world.flow)
        assert isinstance(klaviyo, KlaviyoEmulator)
        klaviyo.account.new_list("Other", "OtHeRr")
        activation = await activate(world, connectionSettings={"list_id": LIST})
        await world.flow.supply(
            {"profile_id": f"p{i}", "email": f"p{i}@example.com"} for i in range(MEMBERS)
        )
        await hand.quiet()
        await enable(world, activation, enabled=False)
        await hand.configure(activation, connectionSettings={"list_id": "OtHeRr"})
        space_id, audience_id = world.flow.space_id, world.flow.audience_id
        await drift.seed_from_partner(
            platform,
            space_id=space_id,
            audience_id=audience_id,
            activation_id=activation,
            actor="test",
            now=clock.now(),
        )
        await enable(world, activation, enabled=True)
        await hand.configure(activation, updates=True)
        await hand.quiet()
        assert inside(world, LIST) == set()
        assert inside(world, "OtHeRr") == set(range(MEMBERS))


async def enable(world: World, activation: str, *, enabled: bool) -> None:
    """Call the service as the API does, without an open session."""
    async with world.flow.platform.unit_of_work() as session:
        row = await session.get(Activation, (world.flow.space_id, activation))
        assert row is not None
        row.enabled, row.state = (
            enabled,
            ActivationState.ACTIVE if enabled else ActivationState.INACTIVE,
        )


@pytest.mark.walk
@pytest.mark.parametrize("partner", [KLAVIYO], ids=lambda partner: partner.slug)
@pytest.mark.parametrize(
    "fault", [None, {"kind": "status", "status": 503, "method": "DELETE"}], ids=["nothing", "503"]
)
async def test_a_member_with_a_changed_address_stays_on_the_list(
    platform: Platform, partner: Partner, fault: dict[str, Any] | None
) -> None:
    """The partner joins both addresses in one profile by the user id: the exit of the old address must not come last.

    A few go by single calls, whose answers tell the profile's id: by that they are taken off.
    """
    few = 5
    async with world_of(platform, partner) as world:
        activation = await world.flow.activate(
            resync=True,
            idSync=[{"externalId": name, "strategy": "last"} for name in ("email", "user_id")],
            idSyncGiven=True,
            connectionSettings=dict(partner.connection),
        )
        people = [
            {"profile_id": f"p{i}", "user_id": f"u{i}", "email": f"p{i}@example.com"}
            for i in range(few)
        ]
        await world.flow.upload(people)
        await world.flow.quiet(activation, 60)
        if fault:
            world.sandbox.faults.add({"service": "klaviyo", **fault, "times": 2})
        moved = [{**one, "email": f"p{i + 1000}@example.com"} for i, one in enumerate(people)]
        await world.flow.upload(moved)
        sync = await world.flow.quiet(activation, 60)
        assert (sync.entered, sync.exited, sync.state) == (few, few, "complete")
        assert inside(world, LIST) == set(range(1000, 1000 + few))
