"""The faults of a chaos run. Each waits until it meets work in flight, does its harm, and heals it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.chaos_processes.fleet import Slot
from tests.chaos_processes.limits import STOPPED
from tests.chaos_processes.points import LEASED, POINTS
from tests.chaos_processes.proxy import Proxy
from tests.chaos_processes.world import World, until

PATIENCE = 60.0  # seconds that a fault waits for work; a busy machine needs them
OVERTAKEN = 20.0  # seconds after the end of a lease, until others have done the work and more


class Unavailable(Exception):
    """A fault cannot be made on this machine; the text says why."""


@dataclass(frozen=True)
class Hit:
    """Whether a fault met work in flight, and what it did."""

    met: bool
    detail: str = ""


async def _busy(world: World) -> list[int]:
    """Wait for work in flight; returns the pid of its worker for each lease, none if there was no work in time."""
    found: list[int] = []

    async def look() -> bool:
        nonlocal found
        found = await world.observer.busy()
        return bool(found)

    await until(look, PATIENCE, 0.05)
    return found


async def _busy_worker(world: World) -> Slot | None:
    """Wait for a worker that is running and holds a lease. A worker that was killed holds its leases until they end."""
    found: list[Slot] = []

    async def look() -> bool:
        running = map(world.fleet.by_pid, await world.observer.busy())
        found[:] = [slot for slot in running if slot is not None]
        return bool(found)

    await until(look, PATIENCE, 0.05)
    return found[0] if found else None


async def kill_worker(world: World, chance: random.Random) -> Hit:
    """kill -9 of a worker that holds leases."""
    async with world.lock("fleet"):
        slot = await _busy_worker(world)
        if slot is None:
            return Hit(False)
        slot.signal(signal.SIGKILL)
        return Hit(True, slot.name)


async def stop_worker(world: World, chance: random.Random) -> Hit:
    """SIGSTOP of a worker that holds leases, for longer than they last."""
    slot = await _busy_worker(world)
    if slot is None:
        return Hit(False)
    pid = slot.pid
    slot.signal(signal.SIGSTOP)
    await asyncio.sleep(STOPPED)
    return _continued(pid, slot.name)


def _continued(pid: int, detail: str) -> Hit:
    """Let a stopped process go on, unless another fault has killed it."""
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return Hit(True, f"{detail}, then killed")
    return Hit(True, detail)


async def kill_api(world: World, chance: random.Random) -> Hit:
    """kill -9 of an API while uploads arrive."""
    async with world.lock("fleet"):
        busy = await _busy(world)
        slot = chance.choice(world.fleet.of("api"))
        slot.signal(signal.SIGKILL)
        return Hit(bool(busy), slot.name)


async def kill_at_point(world: World, chance: random.Random) -> Hit:
    """kill -9 of the first process that reaches a named point."""
    point = chance.choice(POINTS)
    pid = await _reached(world, f"{point.name}.kill")
    return Hit(pid is not None, point.name)


async def stop_at_point(world: World, chance: random.Random) -> Hit:
    """SIGSTOP of the first process that reaches a named point under a lease, for longer than the lease lasts."""
    return await _stop_at(world, chance.choice(LEASED))


async def stop_run(world: World, chance: random.Random) -> Hit:
    """SIGSTOP of a worker that has computed patches and not yet made their snapshot current, until others have made newer ones."""
    pid = await _reached(world, "patch_stored.stop")
    if pid is None:
        return Hit(False)
    runs = await world.observer.patches_of(pid)
    await asyncio.sleep(STOPPED)
    overtaken = await until(lambda: world.observer.is_overtaken(runs), OVERTAKEN)
    return _continued(pid, "overtaken" if overtaken else "only taken over")


async def _stop_at(world: World, name: str) -> Hit:
    pid = await _reached(world, f"{name}.stop")
    if pid is None:
        return Hit(False, name)
    await asyncio.sleep(STOPPED)
    return _continued(pid, name)


async def _reached(world: World, name: str) -> int | None:
    """Arm a point, and wait until a process reaches it; its pid."""
    async with world.lock(name):
        return await _reached_alone(world, name)


async def _reached_alone(world: World, name: str) -> int | None:
    armed = world.points / name
    armed.touch()
    found: list[Path] = []

    async def look() -> bool:
        found[:] = world.points.glob(f"{name}.*")
        return bool(found)

    await until(look, PATIENCE, 0.02)
    armed.unlink(missing_ok=True)
    if not await look():
        return None
    for one in found:
        one.unlink()
    return int(found[0].suffix.removeprefix("."))


async def deploy(world: World, chance: random.Random) -> Hit:
    """SIGTERM each process in turn, and start its successor."""
    async with world.lock("fleet"):
        busy = await _busy(world)
        for slot in world.fleet.slots:
            await world.fleet.replace(slot)
        return Hit(bool(busy))


def _redis(world: World) -> Redis:
    return Redis(unix_socket_path=str(world.servers.redis_socket))


async def _say(world: World, *commands: str) -> None:
    for command in commands:
        await asyncio.to_thread(_redis(world).execute_command, *command.split())


async def flush_redis(world: World, chance: random.Random) -> Hit:
    """FLUSHALL."""
    async with world.lock("redis"):
        busy = await _busy(world)
        await _say(world, "FLUSHALL")
        return Hit(bool(busy))


async def kill_redis(world: World, chance: random.Random) -> Hit:
    """kill -9 of Redis, which is empty when it is back."""
    async with world.lock("redis"):
        busy = await _busy(world)
        world.servers.kill(world.servers.redis)
        await asyncio.sleep(chance.uniform(0.2, 4))
        world.servers.start_redis()
        await asyncio.to_thread(world.servers.wait_for_redis)
        return Hit(bool(busy))


async def fill_redis(world: World, chance: random.Random) -> Hit:
    """A Redis whose memory is full: it refuses writes."""
    return await _refusing(world, chance, "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0")


async def demote_redis(world: World, chance: random.Random) -> Hit:
    """A Redis that has become a read-only replica."""
    return await _refusing(world, chance, "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE")


async def _refusing(world: World, chance: random.Random, harm: str, heal: str) -> Hit:
    async with world.lock("redis"):
        busy = await _busy(world)
        await _say(world, harm)
        try:
            await asyncio.sleep(chance.uniform(2, 6))
        finally:
            try:
                await _say(world, heal)
            except RedisError as error:
                raise RuntimeError("Redis cannot be healed") from error
        return Hit(bool(busy))


async def kill_postgres(world: World, chance: random.Random) -> Hit:
    """kill -9 of PostgreSQL."""
    async with world.lock("postgres"):
        busy = await _busy(world)
        world.servers.kill(world.servers.postgres)
        await asyncio.sleep(chance.uniform(0, 2))
        await world.servers.restart_postgres()
        return Hit(bool(busy))


async def cut_postgres(world: World, chance: random.Random) -> Hit:
    """All connections to PostgreSQL are reset, some times in a row."""
    return await _cut(world, world.to_postgres, "postgres", chance)


async def cut_redis(world: World, chance: random.Random) -> Hit:
    """All connections to Redis are reset, some times in a row."""
    return await _cut(world, world.to_redis, "redis", chance)


async def _cut(world: World, proxy: Proxy, name: str, chance: random.Random) -> Hit:
    async with world.lock(name):
        busy, cut = await _busy(world), 0

        async def cut_some() -> bool:
            nonlocal cut
            cut += proxy.cut()
            return cut > 0

        # After the fault before, nobody may be connected yet.
        await until(cut_some, PATIENCE, 0.1)
        for _ in range(chance.randint(0, 2)):
            await asyncio.sleep(chance.uniform(0, 0.6))
            cut += proxy.cut()
        return Hit(bool(busy) and cut > 0, f"{cut} connections")


async def delay_postgres(world: World, chance: random.Random) -> Hit:
    """Each message to and from PostgreSQL takes longer."""
    return await _delay(world, world.to_postgres, "postgres", chance)


async def delay_redis(world: World, chance: random.Random) -> Hit:
    """Each message to and from Redis takes longer."""
    return await _delay(world, world.to_redis, "redis", chance)


async def _delay(world: World, proxy: Proxy, name: str, chance: random.Random) -> Hit:
    async with world.lock(name):
        busy = await _busy(world)
        proxy.delay = chance.uniform(0.05, 0.3)
        await asyncio.sleep(chance.uniform(1, 3))
        proxy.delay = 0.0
        return Hit(bool(busy))


async def drop_postgres(world: World, chance: random.Random) -> Hit:
    """Messages to and from PostgreSQL are lost, until the connections break."""
    return await _drop(world, world.to_postgres, "postgres", chance)


async def drop_redis(world: World, chance: random.Random) -> Hit:
    """Messages to and from Redis are lost, until the connections break."""
    return await _drop(world, world.to_redis, "redis", chance)


async def _drop(world: World, proxy: Proxy, name: str, chance: random.Random) -> Hit:
    async with world.lock(name):
        busy = await _busy(world)
        proxy.dropping = True
        await asyncio.sleep(chance.uniform(1, 5))
        proxy.stop_dropping()
        return Hit(bool(busy))


async def fill_disk(world: World, chance: random.Random) -> Hit:
    """No byte is left on the disk of the service's files."""
    if not world.has_disk:
        raise Unavailable("this process may not mount a file system of its own")
    async with world.lock("disk"):
        busy = await _busy(world)
        filler = world.data / "filler"
        await asyncio.to_thread(_fill, filler)
        await asyncio.sleep(chance.uniform(1, 4))
        filler.unlink()
        return Hit(bool(busy))


def _fill(path: Path) -> None:
    piece = bytes(2**20)
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(piece) == len(piece):
                pass
        except OSError:
            return


Fault = Callable[[World, random.Random], Awaitable[Hit]]
FAULTS: Mapping[str, Fault] = {
    "kill-worker": kill_worker,
    "cut-postgres": cut_postgres,
    "flush-redis": flush_redis,
    "kill-api": kill_api,
    "stop-worker": stop_worker,
    "fill-disk": fill_disk,
    "kill-at-point": kill_at_point,
    "kill-postgres": kill_postgres,
    "fill-redis": fill_redis,
    "deploy": deploy,
    "delay-postgres": delay_postgres,
    "cut-redis": cut_redis,
    "stop-at-point": stop_at_point,
    "drop-postgres": drop_postgres,
    "kill-redis": kill_redis,
    "demote-redis": demote_redis,
    "delay-redis": delay_redis,
    "drop-redis": drop_redis,
    "stop-run": stop_run,
}
#: Faults after which another worker takes over; the first fault of each run is one of them.
TAKEOVERS = ("kill-worker", "stop-worker", "kill-at-point", "stop-at-point", "stop-run")
