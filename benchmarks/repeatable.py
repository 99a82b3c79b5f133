"""Whether definitions give the same result each time: 20 kinds of query over 600,000 rows, several runs of each.

    python -m benchmarks.repeatable [runs] [rows]

Prints a line for each kind: the number of different results, the time of one run, and the notes of the analysis. Exits
with 1 if any kind gave two results.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from app.snapshots.definitions import analyse_order, run_definition

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
MEMORY = 2 * 1024**3
LIMIT = timedelta(minutes=5)
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
    "limit": "SELECT customer AS profile_id, email AS v FROM purchases LIMIT 2000",
    "limit with ties": "SELECT customer AS profile_id, email AS v FROM purchases ORDER BY day LIMIT 2000",
    "row_number": """SELECT customer AS profile_id, email AS v FROM purchases
        QUALIFY row_number() OVER (PARTITION BY customer ORDER BY day) = 1""",
    "lag": """SELECT customer AS profile_id, lag(email) OVER (PARTITION BY customer ORDER BY day) AS v
        FROM purchases""",
    "sum of doubles": "SELECT customer % 10 AS profile_id, sum(weight) AS v FROM purchases GROUP BY ALL",
    "avg of doubles": "SELECT customer % 10 AS profile_id, avg(weight) AS v FROM purchases GROUP BY ALL",
    "sum of decimals": f"SELECT customer AS profile_id, sum(amount) AS v {_BY}",
    "max": f"SELECT customer AS profile_id, max(email) AS v {_BY}",
    "count": f"SELECT customer AS profile_id, count(DISTINCT email) AS v {_BY}",
}


def write_purchases(path: Path, rows: int) -> None:
    """Write purchases in several row groups: two addresses for each customer, and many equal days."""
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (SELECT hash(i) % {rows // 3} AS customer, 'a' || hash(i + 1) % {rows // 2} || '@example.com' AS email,
            (hash(i + 2) % 30)::INTEGER AS day, (hash(i + 3) % 100000 / 7.0)::DOUBLE AS weight,
            (hash(i + 4) % 10000)::DECIMAL(9, 2) AS amount FROM range({rows}) AS t(i))
            TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 20000)"""
        )


async def digest_of(sql: str, datasets: dict[str, Path], out: Path) -> str:
    """Run a definition, and return the hash of its sorted rows."""
    await run_definition(sql, datasets, AS_OF, out, memory_bytes=MEMORY, timeout=LIMIT)
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT CAST(r AS VARCHAR) FROM read_parquet('{out}') AS r ORDER BY 1"
        ).fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


async def measure(runs: int, rows: int) -> int:
    """Run every kind. Returns the number of kinds that gave more than one result."""
    varying = 0
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "purchases.parquet", Path(folder) / "out.parquet"
        write_purchases(path, rows)
        for kind, sql in KINDS.items():
            began = time.perf_counter()
            found = {await digest_of(sql, {"purchases": path}, out) for _ in range(runs)}
            seconds = (time.perf_counter() - began) / runs
            order = analyse_order(sql, {"purchases": path})
            threads = 2 if order.independent else 1
            print(
                f"{kind:18} {len(found)} results, {threads} threads, {seconds:.2f} s, {len(order.notes)} notes"
            )
            varying += len(found) > 1
    return varying


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    sys.exit(1 if asyncio.run(measure(*(given + [6, 600_000][len(given) :]))) else 0)
