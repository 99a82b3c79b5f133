"""GET activation through the whole stack (token, version, limit, one SELECT), beside plain FastAPI and asyncpg (row S9).

Both run in turn, each as one uvicorn process on loopback, with the same PostgreSQL. The rate limits are on and counted
in Redis, but scaled up, so that nothing is refused.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.core import clock
from app.core.config import Settings
from app.core.ids import new_hex_id, new_id
from app.domain.activation_config import new_config
from app.domain.options import DEFAULT_OPTIONS
from app.embedded.servers import start_servers
from app.services.platform.platform import open_platform
from app.services.tenancy import tokens
from app.storage import models
from app.storage.migrate import upgrade
from benchmarks.rows import Aim, Figures, Row, turns

CONNECTIONS = 32
PEPPER = "benchmark-pepper-benchmark-pepper-0000000000"
KEY = "k1:" + "a2V5" * 10 + "a2U="


@dataclass(frozen=True)
class Target:
    """A server under test."""

    name: str
    port: int
    path: str
    token: str


def bare() -> object:
    """Return the program to compare with: a minimal FastAPI application with one SELECT."""
    from contextlib import asynccontextmanager

    import asyncpg
    from fastapi import FastAPI

    pool: asyncpg.Pool | None = None

    @asynccontextmanager
    async def lifespan(app: FastAPI):  # type: ignore[no-untyped-def]
        nonlocal pool
        pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=8)
        yield
        await pool.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/activations/{activation_id}")
    async def get_activation(activation_id: str) -> dict[str, object]:
        assert pool is not None
        row = await pool.fetchrow(
            "SELECT id, enabled, audience_id, connection_id, name FROM activation WHERE id = $1",
            activation_id,
        )
        return {"data": {"activation": dict(row)}} if row else {"errors": []}

    return app


async def prepare(settings: Settings) -> tuple[str, str, str]:
    """Create one activation. Returns its path in the service, its id, and a token."""
    platform = await open_platform(settings)
    config = new_config(
        activation_type="Audience Membership Changed",
        personalization={"profile": {"properties": ["plan", "city"]}},
        mapping={"actionId": "webhook-send", "settings": {"method": "PUT"}},
        id_sync=[{"externalId": "email", "strategy": "last"}],
        id_sync_given=False,
        connection_settings=None,
    )
    async with platform.unit_of_work() as session:
        workspace = models.Workspace(id=new_id("ws"), slug="bench", name="Bench")
        session.add(workspace)
        await session.flush()
        space_id, audience_id, connection_id = new_id("spa"), new_id("aud"), new_id("ii")
        destination_id, activation_id, revision_id = new_hex_id(), new_id("act"), new_id("rev")
        rows = (
            models.Space(id=space_id, workspace_id=workspace.id, slug="s", name="S"),
            models.Audience(
                space_id=space_id,
                id=audience_id,
                name="A",
                key="a",
                enabled=True,
                audience_type="USERS",
                query="",
                created_by="b",
                updated_by="b",
            ),
            models.Destination(
                space_id=space_id,
                id=destination_id,
                slug="webhook",
                name="W",
                settings=b"",
                created_by="b",
                updated_by="b",
            ),
            models.DestinationConnection(
                space_id=space_id,
                id=connection_id,
                audience_id=audience_id,
                destination_id=destination_id,
                id_sync=[],
            ),
            models.Activation(
                space_id=space_id,
                id=activation_id,
                audience_id=audience_id,
                connection_id=connection_id,
                destination_id=destination_id,
                name="Spring",
                enabled=True,
                state="active",
                revision_id=revision_id,
                options=DEFAULT_OPTIONS,
            ),
            models.ActivationRevision(
                space_id=space_id,
                id=revision_id,
                activation_id=activation_id,
                number=1,
                config=config,
                created_by="b",
            ),
        )
        for row in rows:
            session.add(row)
            await session.flush()
        _, token = await tokens.create_token(
            session, keyring=platform.keyring, workspace_id=workspace.id, name="b", now=clock.now()
        )
    await platform.close()
    path = f"/spaces/{space_id}/audiences/{audience_id}/activations/{activation_id}"
    return path, activation_id, token


@contextmanager
def serving(
    name: str,
    environment: dict[str, str],
    peer: str = "benchmarks.get_activation:bare",
    pids: dict[str, int] | None = None,
) -> Iterator[int]:
    """Run one server process and yield its port: ``ours`` is `activations api`, ``bare`` the peer in uvicorn with the same loop and parser."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.cli", "api", "--port", str(port)]
    if name == "bare":
        command = [sys.executable, "-m", "uvicorn", "--factory", peer]
        command += ["--port", str(port), "--log-level", "warning", "--no-access-log"]
        command += ["--loop", "uvloop", "--http", "httptools"]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    if pids is not None:
        pids[name] = process.pid
    try:
        for _ in range(900):  # of a busy machine
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def load(target: Target, seconds: float, connections: int) -> float:
    """Return the requests per second over keep-alive connections. Each response must be a 200 with the activation."""
    request = (
        f"GET {target.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {target.token}\r\n"
        "Accept: application/vnd.segment.v1alpha+json\r\n\r\n"
    ).encode()
    end = time.perf_counter() + seconds
    counts = await asyncio.gather(*(_requests(target, request, end) for _ in range(connections)))
    return sum(counts) / seconds


async def _requests(target: Target, request: bytes, end: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    count = 0
    while time.perf_counter() < end:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200") or b'"activation"' not in body:
            raise RuntimeError(f"{target.name}: {head!r} {body!r}")
        count += 1
    writer.close()
    return count


@contextmanager
def api_database() -> Iterator[dict[str, str]]:
    """Start servers with the tables of the service. Yields the environment of its programs, which this process has too."""
    folder = Path(tempfile.mkdtemp(prefix="activations-bench-"))
    folder.chmod(0o711)
    servers = start_servers(folder / "data")
    try:
        environment = {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url or "",
            "ACTIVATIONS_DATA_DIR": str(folder / "files"),
            "ACTIVATIONS_ENCRYPTION_KEYS": KEY,
            "ACTIVATIONS_TOKEN_PEPPER": PEPPER,
            "ACTIVATIONS_RATE_LIMIT_SCALE": "1000000",
            "ACTIVATIONS_OUTBOUND_ALLOW": "127.0.0.1",
            "ACTIVATIONS_LOG_LEVEL": "critical",
        }
        os.environ.update(environment)
        upgrade(servers.database_url)
        yield environment
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure(repeats: int, scale: float) -> Figures:
    """Measure both in turn, four seconds each."""
    found: Figures = {"x bare": [], "requests/s": []}
    with api_database() as environment:
        path, activation_id, token = asyncio.run(prepare(Settings()))
        with serving("ours", environment) as our_port, serving("bare", environment) as bare_port:
            ours = Target("GET activation", our_port, path, token)
            bare = Target("bare", bare_port, f"/activations/{activation_id}", token)
            for turn in turns(repeats + 1):
                seconds = 4 * scale if turn else 1
                peer, own = (
                    asyncio.run(load(target, seconds, CONNECTIONS)) for target in (bare, ours)
                )
                if turn:  # the first is the warm-up
                    found["x bare"].append(own / peer)
                    found["requests/s"].append(own)
    return found


ROWS = (
    Row(
        "S9",
        f"GET activation, one process, {CONNECTIONS} connections",
        (Aim("x bare", "x bare FastAPI and asyncpg", 0.8, at_most=False),),
        measure,
    ),
)
