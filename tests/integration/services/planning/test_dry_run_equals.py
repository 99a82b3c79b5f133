"""A dry run equals the next sync, in random cases: seven, and others with ``make histories``."""

from __future__ import annotations

import random
from typing import Any

import pytest

from app.domain.activation_states import ActivationState
from app.domain.activation_types import SENDS
from app.services.platform.platform import Platform
from app.storage.models import Activation, Sync
from tests.flow import Flow, installation
from tests.stepping import Hand

ACTIVATIONS = 7
# A schedule that is never due here: the test starts the syncs.
NEVER = {"frequency": {"type": "interval", "minutes": 500_000}}
CONTROL = [{"name": "A", "weight": 60}, {"name": "control", "weight": 40, "sent": False}]
ARMS = [{"name": "A", "weight": 1}, {"name": "B", "weight": 1}]


def random_config(draw: random.Random) -> dict[str, Any]:
    return {
        "mode": draw.choice(["maintain", "maintain", "append", "remove"]),
        "split": draw.choice([None, None, CONTROL, ARMS]),
        "updates": draw.random() < 0.5,
        "consent": draw.choice([None, "agreed"]),
        "personalization": {"profile": {"properties": draw.choice([[], ["city"]])}},
    }


def random_members(draw: random.Random) -> list[dict[str, Any]]:
    """Choose random members out of 300, some without a usable identifier or without consent."""
    return [
        {
            "profile_id": f"p{number}",
            "email": f"p{number}@example.com" if draw.random() < 0.95 else None,
            "city": draw.choice(["Bern", "Graz"]),
            "agreed": draw.random() < 0.8,
        }
        for number in draw.sample(range(300), draw.randint(50, 280))
    ]


def sums(sync: Sync) -> dict[str, Any]:
    return {
        "wanted": sync.wanted,
        "held": sync.held,
        "entered": sync.entered,
        "exited": sync.exited,
        "updated": sync.updated,
        "left_out": sync.left_out,
        "batches": sync.batches,
    }


async def last(flow: Flow, activation: str) -> Sync:
    return (await flow.syncs(activation))[-1]


async def upload(flow: Flow, hand: Hand, rows: list[dict[str, Any]]) -> None:
    """Supply members and compute the audience, without a worker."""
    await flow.supply(rows)
    await hand.quiet()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(1, marks=pytest.mark.walk),
        *(pytest.param(rounds, marks=pytest.mark.chaos) for rounds in (4, 9)),
    ],
)
async def test_random_cases(platform: Platform, rounds: int) -> None:
    draw = random.Random(20261122 + rounds)
    cases, changed = 0, 0
    async with installation(platform) as flow:
        hand = Hand(flow)
        activations = [
            await flow.activate(
                type=draw.choice(list(SENDS)),
                resync=True,
                options=NEVER,
                **random_config(draw),
            )
            for _ in range(ACTIVATIONS)
        ]
        for _ in range(rounds):
            await upload(flow, hand, random_members(draw))
            for activation in activations:
                if draw.random() < 0.4:
                    await hand.configure(activation, **random_config(draw))
                    await hand.quiet()
                    await upload(flow, hand, random_members(draw))
                kind = draw.choice(["incremental", "incremental", "resync"])
                flow.receiver.refused = (
                    {f"p{draw.randrange(300)}": "blocked"} if draw.random() < 0.5 else {}
                )
                messages = flow.receiver.stats()["messages"]
                asked = await hand.start(activation, kind=kind, dry=True)
                await hand.quiet()
                said = await last(flow, activation)
                assert (said.id, said.state) == (asked.id, "complete")
                assert flow.receiver.stats()["messages"] == messages
                await hand.start(activation, kind=kind)
                await hand.quiet()
                done = await last(flow, activation)
                assert (done.kind == "dry_run", done.state) == (False, "complete")
                assert sums(said) == sums(done), f"case {cases}"
                assert said.report is not None
                assert said.report["calls"] == flow.receiver.stats()["messages"] - messages
                assert done.delivered + done.rejected + done.skipped == done.planned
                cases, changed = cases + 1, changed + (done.planned > 0)
    assert cases == rounds * ACTIVATIONS
    assert changed >= 0.7 * cases, "most cases have something to send"


async def both(flow: Flow, hand: Hand, activation: str) -> tuple[Sync, Sync]:
    """Carry out a dry run, and the sync after it."""
    asked = await hand.start(activation, dry=True)
    await hand.quiet()
    said = await last(flow, activation)
    assert said.id == asked.id
    await hand.start(activation)
    await hand.quiet()
    return said, await last(flow, activation)


@pytest.mark.walk
async def test_a_resync_that_is_still_to_come_is_told(platform: Platform) -> None:
    async with installation(platform) as flow:
        hand = Hand(flow)
        activation = await flow.activate(resync=True, options=NEVER)
        await upload(flow, hand, [{"profile_id": f"p{number}"} for number in range(5)])
        await hand.start(activation)
        await hand.quiet()
        async with platform.unit_of_work() as session:
            row = await session.get(Activation, (flow.space_id, activation))
            assert row is not None
            row.resync_wanted += 1
        said, done = await both(flow, hand, activation)
    assert (sums(said), done.kind, done.entered) == (sums(done), "resync", 5)


async def test_members_that_are_taken_as_already_sent_are_not_said_to_enter(
    platform: Platform,
) -> None:
    async with installation(platform) as flow:
        hand = Hand(flow)
        await upload(flow, hand, [{"profile_id": f"p{number}"} for number in range(5)])
        activation = await flow.activate(enabled=False, options=NEVER)
        async with platform.unit_of_work() as session:
            row = await session.get(Activation, (flow.space_id, activation))
            assert row is not None
            row.enabled, row.state = True, ActivationState.ACTIVE
        said, done = await both(flow, hand, activation)
    assert (sums(said), done.kind, done.entered) == (sums(done), "baseline", 0)
