"""Uploads of a membership over HTTP, 1 % of it new, until the plan is ready (rows S1 and S2).

The service reads, checks and sorts the file, writes the snapshot, compares it with the previous one and plans against the
holdings. The peer of S1 is DuckDB, which only reads the same CSV file and writes it sorted to Parquet; that of S2
PostgreSQL, which only copies the ids into a table without an index.
"""

from __future__ import annotations

import asyncio
import io
import random
import tempfile
import time
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import duckdb

from benchmarks.rows import Aim, Figures, Row, in_turn, seconds
from benchmarks.service import Service, service
from benchmarks.sink import sink

CHURN = 0.01
TRAITS = "first_name,last_name,email,phone,city,score,segment"
WORDS = ("autumn", "spring", "winter", "summer", "north", "south", "east", "west")


def make_ids(count: int, seed: int) -> list[str]:
    """Return text ids of 36 characters, in random order."""
    chance = random.Random(seed)
    return [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(count)]


def as_csv(ids: Sequence[str]) -> bytes:
    """Return a CSV file of ids."""
    return ("profile_id\n" + "\n".join(ids) + "\n").encode()


def with_traits(ids: Sequence[str]) -> bytes:
    """Return a CSV file with seven traits for each id: 186 bytes a row; those of one id are always the same."""
    lines = [f"profile_id,{TRAITS}"]
    for one in ids:
        number = int(one[:8], 16)
        word = WORDS[number % len(WORDS)]
        filler = (word * 12)[:62]
        lines.append(
            f"{one},First{number % 997},Last{number % 9973},p{number}@example.com,"
            f"+1415{2_000_000 + number % 7_999_999},{word},{number % 1000 / 10},{filler}"
        )
    return ("\n".join(lines) + "\n").encode()


def upload(running: Service, audience: str, content: bytes) -> Any:
    """Upload the membership. Returns the ``data`` of the response."""
    path = f"/audiences/{audience}/members"
    return running.call("PUT", path, content=content, headers={"Content-Type": "text/csv"})


class Uploads:
    """An activation whose members are uploaded again and again, each time with 1 % of others."""

    def __init__(self, running: Service, url: str, count: int, *, traits: bool) -> None:
        self._running = running
        self._ids = make_ids(count, 1)
        self._render = with_traits if traits else as_csv
        self._turn = 0
        self._pair = running.webhook_activation(url, batch_size=10_000)
        self.content = self._render(self._ids)
        upload(running, self._pair[0], self.content)
        self._wait_settled(1)

    def seconds(self) -> float:
        """Upload the next membership. Returns the seconds from the first byte until its plan is ready."""
        self._turn += 1
        changed = int(len(self._ids) * CHURN)
        self._ids = self._ids[changed:] + make_ids(changed, 1000 + self._turn)
        self.content = self._render(self._ids)
        begin = time.time()
        upload(self._running, self._pair[0], self.content)
        planned = self._planned(self._turn + 1)
        self._wait_settled(self._turn + 1)
        return planned - begin

    def _planned(self, number: int) -> float:
        while True:
            syncs = self._running.syncs(*self._pair)
            if len(syncs) >= number and syncs[0]["plannedAt"]:
                return datetime.fromisoformat(syncs[0]["plannedAt"]).timestamp()
            time.sleep(0.05)

    def _wait_settled(self, number: int) -> None:
        """Wait until so many syncs are complete, so that the next one is planned at once."""
        while len(syncs := self._running.syncs(*self._pair)) < number or any(
            sync["status"] != "complete" for sync in syncs
        ):
            time.sleep(0.1)


async def _copy(database_url: str, content: bytes) -> float:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("DROP TABLE IF EXISTS bench_ids; CREATE TABLE bench_ids (id text)")
        begin = time.perf_counter()
        await connection.copy_to_table("bench_ids", source=io.BytesIO(content))
        return time.perf_counter() - begin
    finally:
        await connection.execute("DROP TABLE bench_ids")
        await connection.close()


def _sorted_parquet(folder: Path, content: bytes) -> float:
    source, target = folder / "members.csv", folder / "members.parquet"
    source.write_bytes(content)
    with duckdb.connect(config={"threads": 2}) as engine:
        copy = (
            f"COPY (FROM read_csv('{source}') ORDER BY profile_id) TO '{target}' (COMPRESSION zstd)"
        )
        return seconds(lambda: engine.execute(copy))


def with_seven_traits(repeats: int, scale: float) -> Figures:
    """Measure 1 M members with 186 MB of traits."""
    with tempfile.TemporaryDirectory() as folder, sink() as url, service() as running:
        ours = Uploads(running, url, int(1_000_000 * scale), traits=True)
        return in_turn(ours.seconds, lambda: _sorted_parquet(Path(folder), ours.content), repeats)


def ids_only(repeats: int, scale: float) -> Figures:
    """Measure 1 M ids."""
    from tests.servers import start_test_servers

    servers = start_test_servers()
    try:
        environment: dict[str, Any] = {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
        }
        with sink() as url, service(**environment) as running:
            ours = Uploads(running, url, int(1_000_000 * scale), traits=False)

            def copy() -> float:
                ids = ours.content.partition(b"\n")[2]
                return asyncio.run(_copy(servers.database_url, ids))

            return in_turn(ours.seconds, copy, repeats)
    finally:
        servers.stop()


ROWS = (
    Row(
        "S1",
        "upload of 1 M members with 186 MB of traits, 1 % new, until the plan is ready",
        (Aim("ratio", "x DuckDB's read_csv to sorted Parquet", 2.5),),
        with_seven_traits,
    ),
    Row(
        "S2",
        "upload of 1 M ids, 1 % new, until the plan is ready",
        (Aim("ratio", "x plain COPY of the ids", 3),),
        ids_only,
    ),
)
