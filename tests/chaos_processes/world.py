"""Everything that runs in one chaos run: servers, proxies, receiver, the service's processes, and their folders."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from app.embedded.children import die_with_parent
from tests.chaos_processes.client import Client
from tests.chaos_processes.fleet import Fleet, free_port
from tests.chaos_processes.limits import (
    KEYS,
    MUTANT_VARIABLE,
    POINTS_VARIABLE,
    ROOT,
    SETTINGS,
    SETTLE,
    WORKERS,
)
from tests.chaos_processes.observer import Observer
from tests.chaos_processes.proxy import Proxy
from tests.chaos_processes.servers import Servers

#: The disk of the service's files: the reserve of 256 MiB that stays free, and room to work.
DISK_MEGABYTES = 420
START = 300  # seconds until all processes are ready; a busy machine needs minutes


@dataclass
class World:
    """What faults and checks work with."""

    servers: Servers
    to_postgres: Proxy
    to_redis: Proxy
    fleet: Fleet
    observer: Observer
    client: Client
    receiver: Receiver
    data: Path
    points: Path
    has_disk: bool
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    def lock(self, name: str) -> asyncio.Lock:
        """Return the lock of something that only one fault may change at a time."""
        return self.locks.setdefault(name, asyncio.Lock())


@dataclass
class Receiver:
    """The receiver's process."""

    process: subprocess.Popen[bytes]
    url: str
    http: aiohttp.ClientSession

    async def state(self) -> Any:
        async with self.http.get(f"{self.url}/state") as answer:
            return await answer.json()

    async def calm(self) -> None:
        await self.http.post(f"{self.url}/calm")


def own_disk(folder: Path) -> bool:
    """Mount a small disk at a folder. Returns False if this process may not mount."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


def start_receiver(folder: Path, seed: int, port: int, settle: float) -> subprocess.Popen[bytes]:
    """Start the receiver's program."""
    command = [sys.executable, "-m", "tests.chaos_processes.receiver"]
    with (folder / "receiver.log").open("ab") as log:
        return subprocess.Popen(
            [*command, "--port", str(port), "--seed", str(seed), "--settle", str(settle)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )


def workspace(data: Path, environment: dict[str, str]) -> Any:
    """Migrate the database and create a workspace; what the command prints: ``spaceId`` and ``token``."""

    def command(*arguments: str) -> str:
        line = [sys.executable, "-m", "app.cli", *arguments, "--data", str(data)]
        done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return done.stdout

    command("migrate")
    return json.loads(command("workspace", "create", "--name", "Chaos"))


def _environment(
    database: int, redis: int, points: Path, mutant: str | None, settle: float
) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": f"postgresql://activations@127.0.0.1:{database}/activations",
        "REDIS_URL": f"redis://127.0.0.1:{redis}",
        POINTS_VARIABLE: str(points),
        **({MUTANT_VARIABLE: mutant} if mutant else {}),
        **KEYS,
        **SETTINGS,
        "ACTIVATIONS_SETTLE_TIME": str(settle),
    }


@contextlib.asynccontextmanager
async def running(
    logs: Path, seed: int, mutant: str | None, settle: float = SETTLE
) -> AsyncIterator[World]:
    """Start everything, and end it all."""
    async with contextlib.AsyncExitStack() as stack:
        servers = Servers()
        stack.callback(servers.remove)
        stack.callback(servers.stop)
        data, points = servers.folder / "service", servers.folder / "points"
        for made in (data, points):
            made.mkdir()
        has_disk = own_disk(data)
        if has_disk:
            stack.callback(subprocess.run, ["umount", "--lazy", str(data)], check=False)
        to_postgres = await stack.enter_async_context(Proxy(servers.postgres_socket))
        to_redis = await stack.enter_async_context(Proxy(servers.redis_socket))
        environment = _environment(to_postgres.port, to_redis.port, points, mutant, settle)
        made_workspace = await asyncio.to_thread(workspace, data, environment)
        port = free_port()
        process = start_receiver(logs, seed, port, settle)
        stack.callback(process.wait)
        stack.callback(process.kill)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        fleet = Fleet(logs, data, environment)
        stack.callback(fleet.kill)
        fleet.start_all()
        world = World(
            servers=servers,
            to_postgres=to_postgres,
            to_redis=to_redis,
            fleet=fleet,
            observer=Observer(servers.database_url),
            client=Client(http, fleet, made_workspace["spaceId"], made_workspace["token"]),
            receiver=Receiver(process, f"http://127.0.0.1:{port}", http),
            data=data,
            points=points,
            has_disk=has_disk,
        )
        await wait_until_ready(world)
        yield world


async def wait_until_ready(world: World) -> None:
    """Wait until both APIs are ready and all workers have begun to sweep."""

    async def ready() -> bool:
        for slot in world.fleet.of("api"):
            try:
                url = f"http://127.0.0.1:{slot.port}/health/ready"
                async with world.client.http.get(url) as answer:
                    if answer.status != 200:
                        return False
            except aiohttp.ClientError:
                return False
        connected = await world.observer.ask(
            "SELECT count(DISTINCT client_port) FROM pg_stat_activity WHERE usename = 'activations'"
        )
        return int(connected[0]) >= WORKERS or world.to_redis.connections > WORKERS

    if not await until(ready, START):
        raise RuntimeError("the service did not start; see the logs")


async def until(
    look: Callable[[], Coroutine[Any, Any, bool]], seconds: float, every: float = 0.2
) -> bool:
    """Wait for a condition. Returns whether it was met in time."""
    end = asyncio.get_running_loop().time() + seconds
    while not await look():
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(every)
    return True
