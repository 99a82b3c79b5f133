"""How long an activation is silent after a kill -9 of a worker that was delivering for it, with no other fault.

In each round, the worker dies between a receiver's answer and its record. New members are supplied at once. The time is measured until
the receiver gets the first message of the next sync: before it, the lease of the dead worker must end, its batch must be repeated, and
the settle time must pass.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path

from tests.chaos_processes.fleet import adopt_orphans
from tests.chaos_processes.limits import RECOVERY
from tests.chaos_processes.workload import Activation, Audience
from tests.chaos_processes.world import World, running, until

POINT = "answered.kill"
MEMBERS = 200
_LONGEST = 120.0


async def measure(folder: Path, rounds: int) -> list[float]:
    """Kill ``rounds`` times; returns the seconds until the next sync's first message, also written as a report."""
    adopt_orphans()
    logs = folder / "recovery-logs"
    logs.mkdir(parents=True, exist_ok=True)
    async with running(logs, 0, None) as world:
        await world.receiver.calm()
        audience = Audience("recovery", world.client, random.Random(0), MEMBERS)
        await audience.create()
        await audience.activate(world.receiver.url, "recovery")
        measured: list[float] = []
        for number in range(rounds):
            measured.append(await _round(world, audience, audience.activations[0]))
            print(f"kill {number + 1}: {measured[-1]:.1f} s", flush=True)
    (folder / "recovery.json").write_text(json.dumps({"limit": RECOVERY, "seconds": measured}))
    return measured


async def _round(world: World, audience: Audience, activation: Activation) -> float:
    (world.points / POINT).touch()
    await audience.supply(audience.draw(0.5))

    async def killed() -> bool:
        return any(world.points.glob(f"{POINT}.*"))

    if not await until(killed, _LONGEST, 0.01):
        raise RuntimeError("no worker delivered")
    begun = time.time()
    for claimed in world.points.glob(f"{POINT}.*"):
        claimed.unlink()
    seq = await _seq(world, activation)
    await audience.supply(audience.draw(0.5))

    async def next_message() -> bool:
        return await _seq(world, activation) > seq

    if not await until(next_message, _LONGEST, 0.05):
        raise RuntimeError("no message came")
    took = await _arrival(world, activation, seq) - begun

    async def nothing_left() -> bool:
        return not await world.observer.left()

    await until(nothing_left, _LONGEST)
    await asyncio.sleep(1)  # the killed worker's successor is there
    return took


async def _seq(world: World, activation: Activation) -> int:
    found = (await world.receiver.state())["lists"].get(activation.path)
    return int(found["seq"]) if found else 0


async def _arrival(world: World, activation: Activation, after: int) -> float:
    """Return when the first message arrived whose seq is higher than ``after``."""
    found = (await world.receiver.state())["lists"][activation.path]
    return float(min(moment for seq, moment in found["begun"].items() if int(seq) > after))
