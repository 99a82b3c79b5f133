"""Whether definitions give the same result each time: 20 kinds of query over 600,000 rows, several runs of each.

    python -m benchmarks.repeatable [runs] [rows]

Each run writes a snapshot. The first is delivered; each later one is planned against what is held then, as a sync does it.
Prints a line for each kind: members, the changes that the later runs would send, the time of one run, and the number of notes
of the analysis. Exits with 1 if any later run would send a change.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind, Mode
from app.snapshots.definitions import analyse_order, run_definition
from app.snapshots.engine import BatchOutcome, Cursor, LocalManifest, PlanSpec, PlanStats, Upload
from app.snapshots.engine.identifier_functions import add_identifier_functions
from app.snapshots.holdings import fold_outcome
from app.snapshots.membership import write_snapshot
from app.snapshots.plans import write_plan

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MEMORY = 2 * 1024**3
LIMIT = timedelta(minutes=5)
SPEC = PlanSpec(
    key="member",
    mode=Mode.MAINTAIN,
    sends=frozenset(ChangeKind),
    traits=None,  # all values are sent, and compared
    sync_number=1,
    max_rows=1_000_000,
)
_BY = "FROM purchases GROUP BY customer"
KINDS = {
    "last": f"SELECT customer AS profile_id, last(email) AS v {_BY}",
    "first": f"SELECT customer AS profile_id, first(email) AS v {_BY}",
    "any_value": f"SELECT customer AS profile_id, any_value(email) AS v {_BY}",
    "last in order": f"SELECT customer AS profile_id, last(email ORDER BY day) AS v {_BY}",
    "arg_max with ties": f"SELECT customer AS profile_id, arg_max(email, day) AS v {_BY}",
    "arg_max, total": f"SELECT customer AS profile_id, arg_max(email, (day, email)) AS v {_BY}",
    "mode": f"SELECT customer AS profile_id, mode(email) AS v {_BY}",
    "list": f"SELECT customer AS profile_id, list(email) AS v {_BY}",
    "list distinct": f"SELECT customer AS profile_id, list(DISTINCT email) AS v {_BY}",
    "string_agg": f"SELECT customer AS profile_id, string_agg(email, ';') AS v {_BY}",
    "distinct on": "SELECT DISTINCT ON (customer) customer AS profile_id, email AS v FROM purchases",
    "limit": """SELECT customer AS profile_id, max(email) AS v
        FROM (SELECT customer, email FROM purchases LIMIT 2000) GROUP BY customer""",
    "limit with ties": """SELECT customer AS profile_id, max(email) AS v
        FROM (SELECT customer, email FROM purchases ORDER BY day LIMIT 2000) GROUP BY customer""",
    "row_number": """SELECT customer AS profile_id, email AS v FROM purchases
        QUALIFY row_number() OVER (PARTITION BY customer ORDER BY day) = 1""",
    "lag": """SELECT customer AS profile_id, max(v) AS v FROM (
        SELECT customer, lag(email) OVER (PARTITION BY customer ORDER BY day) AS v FROM purchases) GROUP BY customer""",
    "sum of doubles": "SELECT right(customer, 1) AS profile_id, sum(weight) AS v FROM purchases GROUP BY ALL",
    "avg of doubles": "SELECT right(customer, 1) AS profile_id, avg(weight) AS v FROM purchases GROUP BY ALL",
    "sum of decimals": f"SELECT customer AS profile_id, sum(amount) AS v {_BY}",
    "max": f"SELECT customer AS profile_id, max(email) AS v {_BY}",
    "count": f"SELECT customer AS profile_id, count(DISTINCT email) AS v {_BY}",
}


def write_purchases(path: Path, rows: int) -> None:
    """Write purchases in several row groups: two addresses for each customer, and many equal days."""
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (SELECT 'c' || hash(i) % {rows // 3} AS customer, 'a' || hash(i + 1) % {rows // 2} || '@example.com' AS email,
            (hash(i + 2) % 30)::INTEGER AS day, (hash(i + 3) % 100000 / 7.0)::DOUBLE AS weight,
            (hash(i + 4) % 10000)::DECIMAL(9, 2) AS amount FROM range({rows}) AS t(i))
            TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 20000)"""
        )


class Kind:
    """One kind of query, run several times in a folder."""

    def __init__(self, sql: str, folder: Path, cursor: Cursor) -> None:
        self.sql, self.folder, self.cursor = sql, folder, cursor
        self.held = LocalManifest()

    async def run(self) -> PlanStats:
        """Run the definition, and plan its members against what is held. The first plan is delivered."""
        datasets = {"purchases": self.folder / "purchases.parquet"}
        out, members = self.folder / "out.parquet", self.folder / "members.parquet"
        plan, held = self.folder / "plan.parquet", self.folder / "held.parquet"
        await run_definition(self.sql, datasets, AS_OF, out, memory_bytes=MEMORY, timeout=LIMIT)
        write_snapshot(self.cursor, Upload(out, "parquet"), members, linked=False)
        stats = write_plan(self.cursor, SPEC, [LocalManifest((members,))], self.held, plan)
        if not self.held.base:
            batches = [
                BatchOutcome(number, cut.first_row, cut.rows, BatchEnd.RECORDED)
                for number, cut in enumerate(stats.cuts)
            ]
            fold_outcome(self.cursor, plan, self.held, batches, SPEC, held)
            self.held = LocalManifest((held,))
        return stats


async def measure(runs: int, rows: int) -> int:
    """Run every kind. Returns the number of kinds of which a later run would send changes."""
    varying = 0
    with tempfile.TemporaryDirectory() as name, duckdb.connect() as connection:
        add_identifier_functions(connection)
        folder = Path(name)
        write_purchases(folder / "purchases.parquet", rows)
        for label, sql in KINDS.items():
            began, kind = time.perf_counter(), Kind(sql, folder, connection.cursor())
            found = [await kind.run() for _ in range(runs)]
            changes = [stats.changes for stats in found[1:]]
            seconds = (time.perf_counter() - began) / runs
            order = analyse_order(sql, {"purchases": folder / "purchases.parquet"})
            print(
                f"{label:18} {found[0].entered:7} members, changes {changes}, {seconds:.2f} s, {len(order.notes)} notes",
                flush=True,
            )
            varying += any(changes)
    return varying


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    sys.exit(1 if asyncio.run(measure(*(given + [5, 600_000][len(given) :]))) else 0)
