"""Traits and keys that change while a sync is open, or together: the partner ends with the values of the last upload."""

from __future__ import annotations

from typing import Any

import pytest

from app.queue import Task
from app.sandbox.klaviyo import KlaviyoEmulator
from app.services.platform.platform import Platform
from tests.integration.connectors.test_partners import PARTNERS, Partner, World, prepared
from tests.stepping import Hand

KLAVIYO, BRAZE = PARTNERS[:2]
SENT = "sent"  # the partner has it, and the service does not know
#: How far the second and the third upload get before the next thing happens. The last sync is then completed.
SEQUENCES: list[tuple[Task | str, ...]] = [(Task.PLAN, Task.PLAN)]
MORE = [
    (SENT, Task.PLAN),
    (Task.RECOMPUTE, Task.PLAN),
    (SENT, SENT),
    (Task.PLAN, SENT),
    (Task.PLAN, Task.RECOMPUTE),
]
#: Of each member, the destination key, tier and city in three uploads.
MEMBERS: dict[str, list[tuple[str, str | None, str | None]]] = {
    "cleared, then filled with the old value": [("k1", "gold", "Dr"), ("k1", None, "Dr"), ("k1", "gold", "Dr")],
    "cleared, then filled with another value": [("k2", "gold", "Dr"), ("k2", None, "Dr"), ("k2", "blue", "Dr")],
    "filled, then cleared": [("k3", None, "Dr"), ("k3", "blue", "Dr"), ("k3", None, "Dr")],
    "changed, then cleared": [("k4", "gold", "Dr"), ("k4", "blue", "Dr"), ("k4", None, "Dr")],
    "changed, then as before": [("k5", "gold", None), ("k5", "blue", None), ("k5", "gold", None)],
    "all cleared, one filled": [("k6", "gold", "Dr"), ("k6", None, None), ("k6", "blue", None)],
    "a new key with other traits": [("x", "gold", "Dr"), ("w", "new", None), ("w", "new", None)],
    "the key that another leaves": [("y", "blue", None), ("x", "green", None), ("x", "green", None)],
    "a key that is left and taken again": [("z", "one", "Dr"), ("v", "one", "Dr"), ("z", "two", "Prof")],
    "who keeps the columns and their types": [("o", "red", "Rome")] * 3,
}  # fmt: skip


def people(step: int) -> list[dict[str, Any]]:
    """Return the members of an upload. The destination keys of a member all have one name."""
    found = []
    for name, (key, tier, city) in enumerate(uploads[step] for uploads in MEMBERS.values()):
        traits = {"tier": tier, "city": city}
        given = {trait: value for trait, value in traits.items() if value is not None}
        found.append(
            {"profile_id": f"p{name}", "user_id": key, "email": f"{key}@example.com"} | given
        )
    return found


def expected(step: int) -> dict[str, dict[str, str]]:
    """Return ``{key: traits with a value}``."""
    return {
        key: {name: value for name, value in (("tier", tier), ("title", city)) if value is not None}
        for key, tier, city in (uploads[step] for uploads in MEMBERS.values())
    }


async def activate(world: World) -> str:
    return await world.flow.activate(
        resync=True,
        idSync=[{"externalId": world.partner.id_sync, "strategy": "last"}],
        idSyncGiven=True,
        connectionSettings=dict(world.partner.connection),
        updates=True,
        personalization={"profile": {"properties": ["tier", "city"], "mapping": {"city": "title"}}},
    )


def stored(world: World) -> dict[str, dict[str, Any]]:
    """Return ``{key: traits with a value}`` of the members at the partner."""
    emulator = world.emulator
    members = emulator.members(world.partner.list_id) or []
    found = {}
    for member in members:
        key = str(member.get("email") or member["external_id"]).partition("@")[0]
        traits = member.get("attributes") or {}
        if isinstance(emulator, KlaviyoEmulator):
            profile = emulator.account.find("email", member["email"])
            assert profile is not None
            traits = {**profile.attributes, **profile.attributes.get("properties", {})}
        found[key] = {
            name: traits[name] for name in ("tier", "title") if traits.get(name) is not None
        }
    return found


async def go(hand: Hand, how_far: Task | str) -> None:
    for task in (Task.RECOMPUTE, Task.PLAN):
        await hand.once(tasks=(task,))
        if task == how_far:
            return
    await hand.crash_while_sending()


@pytest.mark.walk
@pytest.mark.parametrize(
    "sequences", [SEQUENCES, pytest.param(MORE, marks=pytest.mark.chaos)], ids=["some", "more"]
)
@pytest.mark.parametrize("partner", [KLAVIYO, BRAZE], ids=lambda partner: partner.slug)
async def test_the_partner_ends_with_the_last_upload(
    platform: Platform, partner: Partner, sequences: list[tuple[Task | str, ...]]
) -> None:
    async with prepared(platform, partner) as world:
        await activate(world)
        hand = Hand(world.flow)
        for sequence in sequences:
            await world.flow.supply(people(0))
            await hand.quiet()
            assert stored(world) == expected(0), sequence
            for step, how_far in enumerate(sequence, 1):
                await world.flow.supply(people(step))
                await go(hand, how_far)
            await hand.quiet()
            assert stored(world) == expected(2), sequence
        assert world.emulator.stats()["violations"] == 0
