"""Audiences from a user's PostgreSQL and from a large dataset: the service beside psql and the engine, in the same run.

``python -m benchmarks.databases [rows] [pairs]``. Each measurement is taken in turn with its peer; JSON has the medians in seconds,
and the ratio or what is added to the peer (median of the pairs, least and most).

- read: all rows of a table with five columns; psql's ``COPY … TO STDOUT (FORMAT binary)`` of the same table.
- run: the same up to the snapshot.
- inside: a definition that runs in the database and returns a hundredth of the rows; psql's COPY of the same query.
- dataset: a definition over an uploaded dataset; the engine's own time for the query over the same file.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from app.connectors.addresses import OutboundPolicy
from app.sources import PostgresSource, ReadLimits, read_rows
from benchmarks.service import Service, service
from tests.users_database import DATABASE, PASSWORD, USER, UsersDatabase

TABLE = """CREATE TABLE big AS SELECT 'c' || lpad(i::text, 8, '0') AS customer_id, 'user' || i || '@example.com' AS email,
  (i % 100000) / 100.0::numeric(10, 2) AS amount, (i % 1000)::int AS visits,
  timestamptz '2025-01-01' + i * interval '7 seconds' AS bought_at
  FROM generate_series(1, {}) AS i; GRANT SELECT ON big TO reader; ANALYZE big;"""
EVENTS = """COPY (SELECT 'c' || (i % 50000) AS customer_id, (i % 1000) / 10.0 AS amount,
  'u' || (i % 50000) || '@example.com' AS email FROM range({}) AS t(i)) TO '{}'"""
ALL = "SELECT customer_id AS profile_id, email, amount, visits, bought_at FROM big"
SOME = "SELECT customer_id AS profile_id, email, amount FROM big WHERE visits < 10"
SPENT = "SELECT customer_id AS profile_id, max(email) AS email, sum(amount) AS spent FROM {} GROUP BY customer_id"


class Bench:
    """A user's database, a service that reads it, and the peers."""

    def __init__(self, database: UsersDatabase, running: Service, folder: Path) -> None:
        self._database = database
        self._running = running
        self._folder = folder

    def psql(self, query: str, form: str) -> None:
        """Copy a query's rows to nowhere, over TCP."""
        command = [
            str(self._database._programs / "psql"),
            "-X",
            "-q",
            "-h",
            "127.0.0.1",
            "-U",
            USER,
        ]
        command += ["-p", str(self._database.port), "-d", DATABASE]
        copy = f"COPY ({query}) TO STDOUT (FORMAT {form})"
        subprocess.run(
            [*command, "-c", copy],
            check=True,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"PGPASSWORD": PASSWORD},
        )

    def read(self) -> None:
        """Read the table as a run does, into a file."""
        fields: dict[str, Any] = self._database.fields
        fields["ssl_mode"] = fields.pop("sslMode")
        limits = ReadLimits(10**9, 10**12, timedelta(minutes=15))
        out = self._folder / "rows.parquet"
        policy = OutboundPolicy("127.0.0.1")
        source = PostgresSource(**fields)
        asyncio.run(read_rows(source, ALL, datetime.now(UTC), out, policy=policy, limits=limits))

    def dataset(self, name: str, **fields: Any) -> str:
        """Create a dataset. Returns its id."""
        answer = self._running.call("POST", "/datasets", json={"name": name, **fields})
        return str(answer["dataset"]["id"])

    def audience(self, query: str) -> Callable[[], None]:
        """Create an audience. Returns a function that runs it once."""
        definition = {"query": query, "type": "USERS"}
        body = {"name": query[:60], "audienceType": "USERS", "definition": definition}
        found = self._running.call("POST", "/audiences", json=body)["audience"]["id"]
        path = f"/audiences/{found}/runs"

        def run() -> None:
            made = self._running.call("POST", path, json={})["run"]["id"]
            while (row := self._running.call("GET", f"{path}/{made}")["run"])[
                "status"
            ] != "complete":
                if row["status"] == "failed":
                    raise RuntimeError(str(row))
                time.sleep(0.01)

        return run


def seconds(function: Callable[[], object]) -> float:
    """Return how long a call takes."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def compare(
    ours: Callable[[], object], peer: Callable[[], object], pairs: int, *, added: bool = False
) -> dict[str, Any]:
    """Measure both in turn, after one call of each that does not count."""
    ours(), peer()
    found = [(seconds(peer), seconds(ours)) for _ in range(pairs)]
    each = sorted(own - other if added else own / other for other, own in found)
    return {
        "peer": round(statistics.median(other for other, _ in found), 3),
        "ours": round(statistics.median(own for _, own in found), 3),
        "added" if added else "ratio": round(statistics.median(each), 3),
        "spread": [round(each[0], 3), round(each[-1], 3)],
    }


def measure(bench: Bench, database: UsersDatabase, events: Path, pairs: int) -> dict[str, Any]:
    """Return the four rows."""
    fields = {"kind": "postgres", "source": {**database.fields, "table": "public.big"}}
    bench.dataset("big", **fields)
    upload = bench.dataset("events", kind="upload")
    bench._running.call(
        "PUT",
        f"/datasets/{upload}/content",
        content=events.read_bytes(),
        headers={"Content-Type": "application/vnd.apache.parquet"},
    )
    engine = duckdb.connect(config={"threads": "2"})
    own = SPENT.format(f"'{events}'")

    def binary() -> None:
        bench.psql("SELECT * FROM big", "binary")

    return {
        "read": {"aim": "ratio <= 2", **compare(bench.read, binary, pairs)},
        "run": {"aim": "ratio <= 6", **compare(bench.audience(ALL), binary, pairs)},
        "inside": {
            "aim": "added <= 0.5",
            **compare(
                bench.audience(f"-- run in: big\n{SOME}"),
                lambda: bench.psql(SOME, "csv"),
                pairs,
                added=True,
            ),
        },
        "dataset": {
            "aim": "added <= 0.25",
            **compare(
                bench.audience(SPENT.format("events")),
                lambda: engine.sql(own).to_arrow_table(),
                pairs,
                added=True,
            ),
        },
    }


def main(rows: int = 2_000_000, pairs: int = 5) -> None:
    """Measure and print JSON."""
    database = UsersDatabase()
    try:
        database.sql(TABLE.format(rows))
        with tempfile.TemporaryDirectory() as folder, service() as running:
            events = Path(folder) / "events.parquet"
            duckdb.sql(EVENTS.format(rows * 3 // 4, events))
            found = measure(Bench(database, running, Path(folder)), database, events, pairs)
    finally:
        database.stop()
    print(json.dumps({"rows": rows, "pairs": pairs, **found}, indent=2))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
