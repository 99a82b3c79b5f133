"""Operations of the API one after another, and a crowd of 1,000 clients, compared with plain FastAPI and asyncpg.

Both are one uvicorn process on loopback, with the same PostgreSQL, and take turns: some requests to one, then as many to the
other. The peer runs the statements that such an operation needs, written by hand, and returns the rows. The ratio is that
of the two times of each turn; the table shows the median and the lowest and highest. Prints the table, and JSON with ``--json``.

    python -m benchmarks.operations [--rounds 7] [--requests 60] [--clients 1000] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from app.core.config import Settings
from app.embedded.servers import start_servers
from app.services.tenancy import bootstrap_service
from app.storage.migrate import upgrade
from benchmarks.get_activation import KEY, PEPPER, serving
from benchmarks.operations_peer import SHOWN

NEW_ACTIVATION = {
    "performResync": False,
    "activationType": "Audience Membership Changed",
    "activationName": "Spring",
}


_SYNCS = f"""
INSERT INTO sync (space_id, id, activation_id, destination_id, number, kind, trigger, state, opened_by)
SELECT $1, 'syn_' || n, $2, $3, n, 'incremental', 'api', 'complete', 'b' FROM generate_series(1, {SHOWN}) n"""


@dataclass(frozen=True)
class Ids:
    """What the requests are about."""

    space: str
    audience: str
    connection: str
    activation: str
    token: str


class Client:
    """One connection that is kept, with as little work of its own as possible."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token

    async def open(self) -> Client:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def send(self, method: str, path: str, body: Any = None) -> tuple[int, bytes, bytes]:
        """Send a request. Returns status, headers and body of the response."""
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        self.writer.write(head.encode() + content)
        head_bytes = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head_bytes.split(b"content-length:")[1].split(b"\r\n")[0])
        return int(head_bytes[9:12]), head_bytes, await self.reader.readexactly(length)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request. Returns the ``data`` of a 200, and ends the benchmark for anything else."""
        status, _, found = await self.send(method, path, body)
        if status != 200:
            raise SystemExit(f"{method} {path}: {status} {found!r}")
        return json.loads(found)["data"]


async def make_ids(client: Client, space_id: str) -> Ids:
    """Create 20 audiences; the first has an account, a connection and an activation with 20 syncs that have ended."""
    space = f"/spaces/{space_id}"
    definition = {"query": "SELECT 'p1' AS profile_id"}
    audiences = [
        (
            await client.call(
                "POST",
                f"{space}/audiences",
                {"name": f"A {number}", "definition": definition, "audienceType": "USERS"},
            )
        )["audience"]["id"]
        for number in range(SHOWN)
    ]
    account = {"slug": "webhook", "name": "R", "settings": {"url": "http://127.0.0.1:9/in"}}
    destination = (await client.call("POST", f"{space}/destinations", account))["destination"]["id"]
    path = f"{space}/audiences/{audiences[0]}/destination-connections"
    chosen = {"destination": {"id": destination, "type": "destination"}}
    connection = (await client.call("POST", path, chosen))["connection"]["id"]
    new = f"{path}/{connection}/activations"
    activation = (await client.call("POST", new, NEW_ACTIVATION))["activation"]["id"]
    database = await asyncpg.connect(os.environ["DATABASE_URL"])
    await database.execute(_SYNCS, space_id, activation, destination)
    await database.close()
    return Ids(space_id, audiences[0], connection, activation, client.token)


def requests_of(ids: Ids) -> dict[str, Callable[[int], tuple[str, str, Any]]]:
    """Return for each operation what makes its request number ``n``."""
    space = f"/spaces/{ids.space}"
    audience = f"{space}/audiences/{ids.audience}"
    activation = f"{audience}/activations/{ids.activation}"
    new = f"{audience}/destination-connections/{ids.connection}/activations"
    page = f"?pagination.count={SHOWN}"
    return {
        "GET activation": lambda n: ("GET", activation, None),
        "GET audience": lambda n: ("GET", audience, None),
        "GET audiences": lambda n: ("GET", f"{space}/audiences{page}", None),
        "GET activations": lambda n: ("GET", f"{audience}/activations{page}", None),
        "GET status": lambda n: ("GET", f"{activation}/status", None),
        "GET syncs": lambda n: ("GET", f"{activation}/syncs", None),
        "GET destinations": lambda n: ("GET", f"{space}/destinations", None),
        "GET runs": lambda n: ("GET", f"{audience}/runs", None),
        "GET audit events": lambda n: ("GET", f"/audit-events{page}", None),
        "PATCH audience": lambda n: ("PATCH", audience, {"name": f"New {n}"}),
        "PATCH activation": lambda n: ("PATCH", activation, {"activationName": f"New {n}"}),
        "POST activation": lambda n: ("POST", new, NEW_ACTIVATION),
    }


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def one_after_another(
    ports: dict[str, int], pids: dict[str, int], ids: Ids, rounds: int, number: int
) -> list[dict[str, Any]]:
    """Return a row for each operation: requests per second, processor milliseconds, and the ratio to the peer."""
    query = f"?s={ids.space}&a={ids.audience}&t={ids.activation}"
    rows = []
    for name, make in requests_of(ids).items():
        method = "GET" if name.startswith("GET") else "POST"
        path = f"/{name.replace(' ', '%20')}{query}"
        turns: list[tuple[float, float]] = []
        used = 0.0
        for turn in range(rounds + 1):
            own = await Client(ports["ours"], ids.token).open()  # idle ones are closed
            before, began = _processor_seconds(pids["ours"]), time.perf_counter()
            for n in range(number):
                await own.call(*make(turn * number + n))
            middle = time.perf_counter()
            own.writer.close()
            used += (_processor_seconds(pids["ours"]) - before) if turn else 0
            peer = await Client(ports["bare"], "").open()
            for _ in range(number):
                await peer.call(method, path, None if method == "GET" else {})
            peer.writer.close()
            if turn:  # the first compiles the statements
                turns.append((middle - began, time.perf_counter() - middle))
        ratios = sorted(theirs / ours for ours, theirs in turns)
        rows.append(
            {
                "operation": name,
                "ours_per_second": number / statistics.median(ours for ours, _ in turns),
                "bare_per_second": number / statistics.median(theirs for _, theirs in turns),
                "processor_ms": used / rounds / number * 1000,
                "ratio": statistics.median(ratios),
                "spread": [ratios[0], ratios[-1]],
            }
        )
    return rows


async def crowd(port: int, ids: Ids, path: str, clients: int, seconds: float) -> dict[str, Any]:
    """Let clients come at the same moment and go on for some seconds; each waits as ``Retry-After`` says."""
    opened = [await Client(port, ids.token).open() for _ in range(clients)]
    end = time.perf_counter() + seconds
    waits: list[float] = []
    statuses: Counter[int] = Counter()

    async def one(client: Client) -> None:
        while time.perf_counter() < end:
            began = time.perf_counter()
            status, head, _ = await client.send("GET", path)
            waits.append(time.perf_counter() - began)
            statuses[status] += 1
            if status == 503:
                await asyncio.sleep(int(head.split(b"retry-after:")[1].split(b"\r\n")[0]))

    await asyncio.gather(*map(one, opened))
    for client in opened:
        client.writer.close()
    waits.sort()
    return {
        "clients": clients,
        "statuses": dict(statuses),
        "p50": waits[len(waits) // 2],
        "p95": waits[len(waits) * 95 // 100],
        "longest": waits[-1],
        "served_per_second": statuses[200] / seconds,
    }


async def measure(
    ports: dict[str, int], pids: dict[str, int], space_id: str, token: str, options: Any
) -> dict[str, Any]:
    """Return ``{"operations": [row, …], "crowd": {"ours": …, "bare": …}}``."""
    ids = await make_ids(await Client(ports["ours"], token).open(), space_id)
    rows = await one_after_another(ports, pids, ids, options.rounds, options.requests)
    query = f"?s={ids.space}&a={ids.audience}&t={ids.activation}"
    paths = {"ours": f"/spaces/{ids.space}/audiences", "bare": f"/GET%20audiences{query}"}
    return {
        "operations": rows,
        "crowd": {
            name: await crowd(ports[name], ids, path, options.clients, options.seconds)
            for name, path in paths.items()
        },
    }


def show(found: dict[str, Any]) -> None:
    """Print the tables."""
    print(f"{'one after another':18} {'ours/s':>8} {'bare/s':>8} {'cpu ms':>7} {'ratio':>6}")
    for row in found["operations"]:
        low, high = row["spread"]
        print(
            f"{row['operation']:18} {row['ours_per_second']:8.0f} {row['bare_per_second']:8.0f} "
            f"{row['processor_ms']:7.2f} {row['ratio']:6.2f}  ({low:.2f} to {high:.2f})"
        )
    for name, row in found["crowd"].items():
        print(
            f"{row['clients']} clients, {name}: {row['statuses']}, p50 {row['p50']:.2f} s, p95 {row['p95']:.2f} s, "
            f"longest {row['longest']:.2f} s, {row['served_per_second']:.0f}/s"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
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
        made = asyncio.run(bootstrap_service(Settings()))
        pids: dict[str, int] = {}
        peer = "benchmarks.operations_peer:bare"
        with (
            serving("ours", environment, pids=pids) as ours,
            serving("bare", environment, peer, pids) as bare_port,
        ):
            ports = {"ours": ours, "bare": bare_port}
            found = asyncio.run(measure(ports, pids, made.space_id, made.token or "", options))
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)
    show(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
