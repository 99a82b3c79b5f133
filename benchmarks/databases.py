"""Audiences from a user's PostgreSQL and from a large dataset, beside psql and the engine (rows S15, S17 and S18)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from app.connectors.addresses import OutboundPolicy
from app.sources import PostgresSource, ReadLimits, read_rows
from benchmarks.rows import Aim, Figures, Row, in_turn, seconds
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


class TheirDatabase:
    """A user's database: what psql copies from it, and what our reader reads."""

    def __init__(self, database: UsersDatabase, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def psql(self, query: str, form: str) -> None:
        """Copy a query's rows to nowhere, over TCP."""
        where = {"-h": "127.0.0.1", "-U": USER, "-p": str(self._database.port), "-d": DATABASE}
        options = [word for pair in where.items() for word in pair]
        copy = f"COPY ({query}) TO STDOUT (FORMAT {form})"
        subprocess.run(
            [str(self._database._programs / "psql"), "-X", "-q", *options, "-c", copy],
            check=True,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"PGPASSWORD": PASSWORD},
        )

    def read(self) -> None:
        """Read the table as a run does, into a file."""
        fields: dict[str, Any] = dict(self._database.fields)
        fields["ssl_mode"] = fields.pop("sslMode")
        limits = ReadLimits(10**9, 10**12, timedelta(minutes=15))
        out = self._folder / "rows.parquet"
        policy = OutboundPolicy("127.0.0.1")
        source = PostgresSource(**fields)
        asyncio.run(read_rows(source, ALL, datetime.now(UTC), out, policy=policy, limits=limits))


def dataset(running: Service, name: str, **fields: Any) -> str:
    """Create a dataset. Returns its id."""
    answer = running.call("POST", "/datasets", json={"name": name, **fields})
    return str(answer["dataset"]["id"])


def audience(running: Service, query: str) -> Callable[[], float]:
    """Create an audience. Returns a function that runs it once and returns the seconds until its snapshot."""
    definition = {"query": query, "type": "USERS"}
    body = {"name": query[:60], "audienceType": "USERS", "definition": definition}
    found = running.call("POST", "/audiences", json=body)["audience"]["id"]
    path = f"/audiences/{found}/runs"

    def run() -> None:
        made = running.call("POST", path, json={})["run"]["id"]
        while (row := running.call("GET", f"{path}/{made}")["run"])["status"] != "complete":
            if row["status"] == "failed":
                raise RuntimeError(str(row))
            time.sleep(0.01)

    return lambda: seconds(run)


def over_dataset(repeats: int, scale: float) -> Figures:
    """Measure an audience over a dataset of 1.5 M rows, run to snapshot, beside the engine's own time for the query."""
    with tempfile.TemporaryDirectory() as folder, service() as running:
        events = Path(folder) / "events.parquet"
        duckdb.sql(EVENTS.format(int(1_500_000 * scale), events))
        running.call(
            "PUT",
            f"/datasets/{dataset(running, 'events', kind='upload')}/content",
            content=events.read_bytes(),
            headers={"Content-Type": "application/vnd.apache.parquet"},
        )
        engine = duckdb.connect(config={"threads": "2"})
        own = SPENT.format(f"'{events}'")
        return in_turn(
            audience(running, SPENT.format("events")),
            lambda: seconds(lambda: engine.sql(own).to_arrow_table()),
            repeats,
        )


@contextmanager
def _table(scale: float) -> Iterator[tuple[TheirDatabase, Service]]:
    """Yield a database with a table of 2 M rows, and a service that has it as a dataset."""
    database = UsersDatabase()
    try:
        database.sql(TABLE.format(int(2_000_000 * scale)))
        with tempfile.TemporaryDirectory() as folder, service() as running:
            source = {**database.fields, "table": "public.big"}
            dataset(running, "big", kind="postgres", source=source)
            yield TheirDatabase(database, Path(folder)), running
    finally:
        database.stop()


def whole_table(repeats: int, scale: float) -> Figures:
    """Measure the read of a whole table, and a run over it, each beside psql's binary COPY."""
    with _table(scale) as (theirs, running):

        def binary() -> float:
            return seconds(lambda: theirs.psql("SELECT * FROM big", "binary"))

        read = in_turn(lambda: seconds(theirs.read), binary, repeats)
        run = in_turn(audience(running, ALL), binary, repeats)
    return {
        "read": read["ratio"],
        "run": run["ratio"],
        "read s": read["ours s"],
        "run s": run["ours s"],
        "psql s": read["peer s"],
    }


def inside_the_database(repeats: int, scale: float) -> Figures:
    """Measure a definition that runs in the database and returns a hundredth, beside psql's COPY of the same query."""
    with _table(scale) as (theirs, running):
        run = audience(running, f"-- run in: big\n{SOME}")
        return in_turn(run, lambda: seconds(lambda: theirs.psql(SOME, "csv")), repeats)


ROWS = (
    Row(
        "S15",
        "an audience over a dataset of 1.5 M rows, run to snapshot",
        (Aim("added s", "s more than the engine's own time for the query", 0.25),),
        over_dataset,
    ),
    Row(
        "S17",
        "2 M rows of 5 columns from PostgreSQL",
        (
            Aim("read", "x psql's binary COPY for the read", 2),
            Aim("run", "x psql's binary COPY for the run to the snapshot", 6),
        ),
        whole_table,
    ),
    Row(
        "S18",
        "a definition that runs in the database and returns 20,000 of 2 M rows",
        (Aim("added s", "s more than psql's own time for the query", 0.5),),
        inside_the_database,
    ),
)
