"""Tests that kill the worker, the API or all processes with SIGKILL in the middle of a sync of 50,000 changes.

In each case the receiver ends equal to the snapshot, each change has an outcome, and no server is left running.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from app.sandbox.receiver import WebhookReceiver
from app.sandbox.sandbox import Sandbox
from tests.e2e.test_up import Started, seconds_until
from tests.flow import eventually
from tests.live import Live
from tests.servers import make_reachable_folder, remove_reachable_folder

pytestmark = pytest.mark.timeout(300)

MEMBERS = 50_000
ENVIRONMENT = {
    "ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1",
    "ACTIVATIONS_RATE_LIMITS": "off",
    "ACTIVATIONS_LEASE": "6",
    "ACTIVATIONS_SETTLE_TIME": "3",
    "ACTIVATIONS_HTTP_TOTAL_TIMEOUT": "2",
    "ACTIVATIONS_SWEEP_INTERVAL": "1",
}


@pytest.fixture
def start() -> Iterator[Callable[[], Started]]:
    folder = make_reachable_folder()
    started: list[Started] = []

    def begin() -> Started:
        started.append(Started(folder / "data", "--port", "0", **ENVIRONMENT))
        return started[-1]

    yield begin
    for each in started:
        each.end()
    for each in started:
        seconds_until(each.is_gone, 15)
    remove_reachable_folder(folder)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox([WebhookReceiver()]) as running:
        yield running


def receiver_of(sandbox: Sandbox) -> Any:
    return sandbox.services["webhook"]


async def prepare(started: Started, sandbox: Sandbox) -> tuple[Live, str, str]:
    live = Live.of(started.line["url"], started.token, started.line["spaceId"])
    audience = await live.audience("Killed")
    destination, secret = await live.webhook(sandbox.urls["webhook"] + "/in", batch_size=100)
    receiver_of(sandbox).set_secrets("*", [secret])
    connection = await live.connect(audience, destination)
    activation = await live.activate(audience, connection)
    return live, audience, activation


async def half_way(sandbox: Sandbox, activation: str) -> None:
    def look() -> bool:
        return len(receiver_of(sandbox).members(activation) or ()) > MEMBERS // 4

    await eventually(look, 60, every=0.01)


async def check(live: Live, sandbox: Sandbox, audience: str, activation: str) -> None:
    sync = await live.quiet(audience, activation, 120)
    assert sync["status"] == "complete", sync
    accounted = sync["delivered"] + sync["rejected"] + sync["skipped"] + sync["pending"]
    assert accounted == sync["planned"] == MEMBERS
    held = {member["id"] for member in receiver_of(sandbox).members(activation)}
    assert held == {f"p{i}" for i in range(MEMBERS)}
    stats = receiver_of(sandbox).stats()
    assert stats["changed_repeats"] == 0
    assert stats["inversions"] == 0
    status = await live.status(audience, activation)
    assert (status["held"], status["openSync"]) == (MEMBERS, None)


class TestKillNine:
    @pytest.mark.chaos  # `make walks` has it for each part, without a sync, in tests/e2e/test_up.py
    @pytest.mark.parametrize("victim", ["worker", "api"])
    async def test_a_process_dies_and_is_started_again(
        self, start: Callable[[], Started], sandbox: Sandbox, victim: str
    ) -> None:
        started = await asyncio.to_thread(start)
        live, audience, activation = await prepare(started, sandbox)
        sandbox.faults.add({"kind": "slow", "seconds": 0.05})
        await live.members(audience, range(MEMBERS))
        await half_way(sandbox, activation)
        os.kill(started.line["pids"][victim], signal.SIGKILL)
        sandbox.faults.clear()
        await check(live, sandbox, audience, activation)
        await live.close()

    @pytest.mark.chaos  # likewise
    async def test_everything_dies_and_is_started_again(
        self, start: Callable[[], Started], sandbox: Sandbox
    ) -> None:
        started = await asyncio.to_thread(start)
        live, audience, activation = await prepare(started, sandbox)
        sandbox.faults.add({"kind": "slow", "seconds": 0.05})
        await live.members(audience, range(MEMBERS))
        await half_way(sandbox, activation)
        started.process.kill()
        await asyncio.to_thread(seconds_until, started.is_gone, 15)
        await live.close()
        sandbox.faults.clear()
        again = await asyncio.to_thread(start)
        live = Live.of(again.line["url"], again.token, again.line["spaceId"])
        await check(live, sandbox, audience, activation)
        await live.close()
        again.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(seconds_until, again.is_gone, 15)
