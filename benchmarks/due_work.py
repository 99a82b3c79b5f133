"""Claims and the sweep on a filled database: the plans and times of their statements, on two sizes in one run.

``python -m benchmarks.due_work [activations] [batches]`` (10,000 and 1,000,000) fills a tenth of that, then all of
it, with the same work due in both, and prints JSON: for each statement its milliseconds, the buffers that it touched, and the tables
that it scans from end to end. ``flat`` is false if the large database needs more than four times the buffers of the small one,
and more than 200.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from app.services.audiences import resume_uploads
from app.services.periodic import find_due, open_due_schedules, open_waiting
from app.storage.engine import Database, open_database, open_migration_engine
from app.storage.repositories.batches import BatchRepository
from app.storage.repositories.collection import CollectionQueries
from app.storage.repositories.due import DueQueries
from app.storage.repositories.snapshots import SnapshotRepository
from app.storage.repositories.work_sizes import rows_of_run, rows_of_sync
from benchmarks.service import Service, database, service
from benchmarks.sink import sink

OF_EACH = 4  # syncs of an activation
OPEN = 100  # syncs that are open, in both sizes
DUE = 20  # of which have batches that are due
Work = Callable[[AsyncSession], Awaitable[Any]]

# A row with other values in some columns; ``n`` counts.
_COPY = """INSERT INTO {table} ({columns}) SELECT {shown} FROM (SELECT one FROM {table} AS one WHERE {which} LIMIT 1) AS first,
    generate_series({first}, {last}) AS n, LATERAL jsonb_populate_record(first.one, jsonb_build_object({changes})) AS copy"""


def template(url: str) -> None:
    """Let a service create one row of everything."""
    with sink() as receiver, service(DATABASE_URL=url) as running:
        make_one_of_each(running, receiver)


def make_one_of_each(running: Service, receiver: str) -> None:
    """Create an audience, an activation, and a complete sync with a batch."""
    audience, activation = running.webhook_activation(receiver)
    for members in ("p1", "p1 p2"):
        _supply(running, audience, members.split())
        while _is_busy(running, audience, activation):
            time.sleep(0.2)


def _supply(running: Service, audience: str, members: list[str]) -> None:
    body = "".join(f"{one},{one}@example.com\n" for one in members)
    running.call("PUT", f"/audiences/{audience}/members", content=f"profile_id,email\n{body}".encode(),
                 headers={"Content-Type": "text/csv"})  # fmt: skip


def _is_busy(running: Service, audience: str, activation: str) -> bool:
    runs = running.call("GET", f"/audiences/{audience}/runs")["runs"]
    syncs = running.syncs(audience, activation)
    return any(one["status"] != "complete" for one in (*runs, *syncs)) or not syncs


class Filler:
    """Copies rows, from the number that was reached on."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def copy(
        self, table: str, first: int, last: int, changes: dict[str, str], which: str = "true"
    ) -> None:
        """Copy the first row of a table once for each number, with SQL expressions of ``n`` in some columns."""
        names = [row[0] for row in await self._connection.fetch(
            "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 "
            "AND NOT attisdropped AND attidentity = '' ORDER BY attnum", table)]  # fmt: skip
        pairs = ", ".join(f"'{name}', {value}" for name, value in changes.items())
        await self._connection.execute(_COPY.format(
            table=table, columns=", ".join(names), shown=", ".join(f"copy.{name}" for name in names),
            which=which, first=first, last=last, changes=pairs))  # fmt: skip


async def fill(
    connection: Any, before: int, activations: int, batches: int, *, of_each: int = OF_EACH
) -> None:
    """Fill up to that many activations with their syncs and batches. The newest syncs of a few are open."""
    filler, of_sync = Filler(connection), max(1, batches // (activations * of_each))
    first, last = before + 1, activations
    await filler.copy(
        "audience",
        first,
        last,
        {"id": "'aud_' || n", "key": "'k' || n", "current_snapshot_id": "'snp_' || n"},
    )
    await filler.copy(
        "snapshot",
        first,
        last,
        {"id": "'snp_' || n", "audience_id": "'aud_' || n"},
        "id NOT LIKE 'snp\\_%\\_%'",
    )
    await filler.copy("destination", first, last, {"id": "'dst_' || n", "name": "'d' || n"})
    where = {"audience_id": "'aud_' || n", "destination_id": "'dst_' || n"}
    await filler.copy("destination_connection", first, last, {**where, "id": "'con_' || n"})
    await filler.copy(
        "activation",
        first,
        last,
        {
            **where,
            "id": "'act_' || n",
            "connection_id": "'con_' || n",
            "revision_id": "'rev_' || n",
        },
    )
    await filler.copy(
        "activation_revision", first, last, {"id": "'rev_' || n", "activation_id": "'act_' || n"}
    )
    await filler.copy(
        "activation_source",
        first,
        last,
        {"activation_id": "'act_' || n", "audience_id": "'aud_' || n"},
    )
    syncs = (before * of_each + 1, activations * of_each)
    of = {
        "activation_id": f"'act_' || (1 + (n - 1) / {of_each})",
        "destination_id": f"'dst_' || (1 + (n - 1) / {of_each})",
        "number": f"10 + (n - 1) % {of_each}",
    }
    await filler.copy(
        "sync",
        *syncs,
        {**of, "id": "'syn_' || n", "finished_at": "now() - n % 2000 * interval '20 minutes'"},
        "plan IS NOT NULL AND state = 'complete'",
    )
    await filler.copy(
        "run", *syncs, {"id": "'run_' || n", "audience_id": f"'aud_' || (1 + (n - 1) / {of_each})"}
    )
    rows = (before * of_each * of_sync + 1, activations * of_each * of_sync)
    await filler.copy(
        "batch",
        *rows,
        {"sync_id": f"'syn_' || (1 + (n - 1) / {of_sync})", "number": f"100 + (n - 1) % {of_sync}"},
        "state = 'settled'",
    )


async def open_some(connection: Any) -> None:
    """Open a sync for some activations, waiting for later, and for a few of them with batches that are due."""
    later = "UPDATE sync SET state = 'running', finished_at = NULL WHERE number = 10 AND activation_id IN (SELECT 'act_' || n FROM generate_series(1, $1) n) RETURNING id"
    waiting = [row[0] for row in await connection.fetch(later, OPEN)]
    await connection.execute(
        "UPDATE batch SET state = 'waiting', next_at = now() + interval '1 hour' WHERE sync_id = ANY($1)",
        waiting,
    )
    await connection.execute(
        "UPDATE batch SET next_at = now() WHERE sync_id = ANY($1)", waiting[:DUE]
    )
    for table in ("sync", "batch", "audience", "activation", "destination", "run", "snapshot"):
        await connection.execute(f"VACUUM ANALYZE {table}")


@asynccontextmanager
async def captured(found: Database) -> AsyncIterator[list[tuple[str, Any]]]:
    """Note the statements that SQLAlchemy sends while the block runs."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, ___: Any, is_many: bool) -> None:
        seen.append((statement, parameters[0] if is_many else parameters))

    event.listen(found.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(found.engine.sync_engine, "before_cursor_execute", note)


def works() -> dict[str, Work]:
    """Return what is measured: what a worker does each second or each hour, and for each claim."""
    day = timedelta(days=30)
    return {
        "sweep: schedules": open_due_schedules,
        "sweep: syncs that waited": open_waiting,
        "sweep: left patches": resume_uploads,
        "sweep: due work": find_due,
        "metrics: oldest due": lambda session: DueQueries(session).oldest_due(),
        "claim": lambda session: BatchRepository(session).claim(owner="bench", lease=timedelta(minutes=1), limit=16),
        "claim of suspects": lambda session: BatchRepository(session).claim(owner="bench", lease=timedelta(minutes=1), limit=1, suspects=True),
        "hourly: old syncs": lambda session: CollectionQueries(session).old_syncs(day, 500),
        "hourly: dense syncs": lambda session: CollectionQueries(session).followed_syncs(timedelta(days=1), 500),
        "hourly: dense snapshots": lambda session: SnapshotRepository(session).thin_out(timedelta(days=1), 500),
    }  # fmt: skip


async def measure(found: Database) -> dict[str, Any]:
    """Run each work in a transaction that is rolled back, and explain its statements with the same parameters."""
    results: dict[str, Any] = {}
    for name, work in works().items():
        async with found.sessions() as session:
            async with captured(found) as seen:
                await work(session)
            await session.rollback()
        results[name] = [await explain(found, *one) for one in seen if "SAVEPOINT" not in one[0]]
    return results


async def explain(
    found: Database, statement: str, parameters: Any, *, before: str = "SELECT"
) -> dict[str, Any]:
    """Run a statement under EXPLAIN (ANALYZE), after another one, and undo both. Returns its time, buffers and full scans."""
    async with found.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        transaction = driver.transaction()
        await transaction.start()
        await driver.execute(before)
        rows = await driver.fetch(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *(parameters or ())
        )
        await transaction.rollback()
    read = rows[0][0]  # SQLAlchemy sets a codec for JSON on its connections
    plan = (read if isinstance(read, list) else json.loads(read))[0]
    top = plan["Plan"]
    return {
        "statement": " ".join(statement.split())[:90],
        "ms": round(plan["Execution Time"], 2),
        "buffers": top["Shared Hit Blocks"] + top["Shared Read Blocks"],
        "scans": sorted(_scans(top)),
    }


def _scans(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield f"{node['Relation Name']} ({node['Actual Rows'] * node['Actual Loops']:.0f} rows)"
    for child in node.get("Plans", ()):
        yield from _scans(child)


async def compare(url: str, activations: int, batches: int) -> dict[str, Any]:
    """Measure a small and the whole database."""
    found, small = open_database(url), max(OPEN, activations // 10)
    async with (
        open_migration_engine(url)
        .execution_options(isolation_level="AUTOCOMMIT")
        .connect() as connection
    ):
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        await driver.execute("SET statement_timeout = 0")  # filling takes minutes
        await fill(driver, 0, small, small * batches // activations)
        await open_some(driver)
        few = await measure(found)
        await fill(driver, small, activations, batches)
        await open_some(driver)
        sizes = {
            table: await driver.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("activation", "sync", "batch")
        }
        many = await measure(found)
        sync = await driver.fetchrow(
            "SELECT space_id, id FROM sync WHERE state = 'running' LIMIT 1"
        )
        begun = time.perf_counter()
        await rows_of_sync(driver, *sync)
        await rows_of_run(driver, sync[0], "run_1")
        looked = round((time.perf_counter() - begun) * 1000, 1)
    await found.close()
    return {"rows": sizes, "sizes of work, ms": looked, "works": _beside(few, many)}


def _beside(few: dict[str, Any], many: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name in many:
        less, more = (sum(one["buffers"] for one in side[name]) for side in (few, many))
        merged[name] = {
            "flat": more <= max(200, 4 * less),
            "buffers": [less, more],
            "ms": [round(sum(one["ms"] for one in side[name]), 2) for side in (few, many)],
            "scans": sorted({scan for one in many[name] for scan in one["scans"]}),
            "statements": [one for one in many[name] if one["buffers"] > 200],
        }
    return merged


def main(activations: int = 10_000, batches: int = 1_000_000) -> None:
    """Fill, measure, print JSON."""
    with database() as url:
        template(url)
        print(json.dumps(asyncio.run(compare(url, activations, batches)), indent=2))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
