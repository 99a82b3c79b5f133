"""An account with lower limits than the partner documents, and an account that another program uses too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from app.sandbox.braze import DEFAULT_KEY, BrazeEmulator
from app.services.platform.platform import Platform
from tests.integration.connectors.test_partners import PARTNERS, World, world_of

BRAZE = PARTNERS[1]
MEMBERS = 1_600
ROWS = 20
SHARE = 0.02  # of 3,000 calls in 3 seconds
FEW = 3  # refused calls, on the way to learning of it


@contextlib.asynccontextmanager
async def another_program(url: str, *, every: float) -> AsyncIterator[list[int]]:
    """Call the account as another program does. Returns the statuses."""
    statuses: list[int] = []

    async def call() -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            while True:
                body = {"attributes": [{"external_id": "theirs", "seen": True}]}
                headers = {"authorization": f"Bearer {DEFAULT_KEY}"}
                answer = await http.post(f"{url}/users/track", json=body, headers=headers)
                statuses.append(answer.status_code)
                await asyncio.sleep(every)

    task = asyncio.create_task(call())
    try:
        yield statuses
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def braze_of(world: World) -> BrazeEmulator:
    emulator = world.emulator
    assert isinstance(emulator, BrazeEmulator)
    return emulator


async def lower(world: World, share: float) -> None:
    async with httpx.AsyncClient(base_url=world.sandbox.urls["braze"], trust_env=False) as http:
        await http.post("/_control/braze/settings", json={"limitShare": share})


async def deliver(world: World) -> None:
    activation = await world.flow.activate(
        idSync=[{"externalId": "user_id", "strategy": "last"}],
        idSyncGiven=True,
        connectionSettings={"batch_size": ROWS},
    )
    await world.members(set(range(MEMBERS)))
    sync = await world.flow.quiet(activation, 60)
    assert (sync.state, sync.delivered) == ("complete", MEMBERS)


class TestBraze:
    @pytest.mark.walk
    async def test_a_lower_limit_is_honoured_as_soon_as_it_is_reported(
        self, platform: Platform
    ) -> None:
        async with world_of(platform, BRAZE) as world:
            await lower(world, SHARE)
            await deliver(world)
            assert braze_of(world).stats()["throttled"] <= FEW

    @pytest.mark.walk
    async def test_calls_of_another_program_are_taken_into_account(
        self, platform: Platform
    ) -> None:
        async with world_of(platform, BRAZE) as world:
            await lower(world, SHARE)
            async with another_program(world.sandbox.urls["braze"], every=0.1) as theirs:
                await deliver(world)
            ours = braze_of(world).stats()["throttled"] - theirs.count(429)
            assert len(theirs) > 10
            assert ours <= FEW
