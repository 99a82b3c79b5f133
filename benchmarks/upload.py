"""Upload of 1 M ids over HTTP, 1 % of them new, until the plan is ready, compared with plain COPY into PostgreSQL.

``python -m benchmarks.upload [members]``. The service reads, checks and sorts the file, writes the snapshot, compares
it with the previous snapshot and plans against the holdings. COPY only copies the ids into a table with one column.
"""

from __future__ import annotations

import asyncio
import io
import random
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from benchmarks.service import Service, service
from benchmarks.sink import sink

CHURN = 0.01
TURNS = 3


def make_ids(count: int, seed: int) -> list[str]:
    """Return text ids of 36 characters, in random order."""
    chance = random.Random(seed)
    return [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(count)]


def as_csv(ids: Sequence[str]) -> bytes:
    """Return the CSV file to upload."""
    return ("profile_id\n" + "\n".join(ids) + "\n").encode()


def measure_service(running: Service, url: str, ids: list[str]) -> float:
    """Return the seconds from the first byte sent until the plan is ready, the best of several uploads with 1 % new ids."""
    audience, activation = running.webhook_activation(url, batch_size=10_000)
    upload(running, audience, as_csv(ids))
    wait_planned(running, audience, activation, 1)
    wait_settled(running, audience, activation)
    best = float("inf")
    for turn in range(TURNS):
        changed = int(len(ids) * CHURN)
        ids = ids[changed:] + make_ids(changed, 1000 + turn)
        content = as_csv(ids)
        begin = time.time()
        upload(running, audience, content)
        planned = wait_planned(running, audience, activation, turn + 2)
        best = min(best, planned - begin)
        wait_settled(running, audience, activation)
    return best


def upload(running: Service, audience: str, content: bytes) -> Any:
    """Upload the membership. Returns the ``data`` of the response."""
    path = f"/audiences/{audience}/members"
    return running.call("PUT", path, content=content, headers={"Content-Type": "text/csv"})


def wait_planned(running: Service, audience: str, activation: str, number: int) -> float:
    """Wait until the sync with that number is planned. Returns the time of the plan."""
    while True:
        syncs = running.syncs(audience, activation)
        if len(syncs) >= number and syncs[0]["plannedAt"]:
            return datetime.fromisoformat(syncs[0]["plannedAt"]).timestamp()
        time.sleep(0.05)


def wait_settled(running: Service, audience: str, activation: str) -> None:
    """Wait until no sync is open, so that the next one is planned at once."""
    while any(s["status"] != "complete" for s in running.syncs(audience, activation)):
        time.sleep(0.1)


async def measure_copy(database_url: str, ids: Sequence[str]) -> float:
    """Return the seconds of a COPY of the ids into a table without index, the best of three."""
    connection = await asyncpg.connect(database_url)
    content = ("\n".join(ids) + "\n").encode()
    best = float("inf")
    try:
        for _ in range(3):
            await connection.execute(
                "DROP TABLE IF EXISTS bench_ids; CREATE TABLE bench_ids (id text)"
            )
            begin = time.perf_counter()
            await connection.copy_to_table("bench_ids", source=io.BytesIO(content))
            best = min(best, time.perf_counter() - begin)
        await connection.execute("DROP TABLE bench_ids")
    finally:
        await connection.close()
    return best


def main(count: int = 1_000_000) -> dict[str, float]:
    """Measure both and print the times. Returns the ratio, ``{"copy": …}``."""
    from tests.servers import start_test_servers

    ids = make_ids(count, 1)
    servers = start_test_servers()
    try:
        environment = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
        with sink() as url, service(**environment) as running:
            ours = measure_service(running, url, ids)
            copy = asyncio.run(measure_copy(servers.database_url, ids))
    finally:
        servers.stop()
    print(
        f"upload {count:,} ids over HTTP, {CHURN:.0%} churn, until the plan is ready (aim: 6 x COPY; later 3 x)"
    )
    print(f"  service                    {ours:7.2f} s")
    print(f"  plain COPY of the ids      {copy:7.2f} s   service is {ours / copy:.1f} x")
    return {"copy": ours / copy}


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
