"""Operations of the API one after another, and a crowd of 1,000 clients, beside plain FastAPI and asyncpg (rows S10 and S19).

Both are one uvicorn process on loopback, with the same PostgreSQL, and take turns: some requests to one, then as many to the
other. The peer runs the statements that such an operation needs, written by hand, and returns the rows.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from app.core.config import Settings
from app.services.tenancy import bootstrap_service
from benchmarks.get_activation import api_database, serving
from benchmarks.operations_peer import SHOWN
from benchmarks.rows import Aim, Figures, Row

REQUESTS = 60  # of one turn
MADE = "POST activation"

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


async def one_after_another(pair: Pair, ids: Ids, name: str, rounds: int) -> Figures:
    """Measure one operation: its rate as a share of the peer's, and the processor milliseconds of a request."""
    make = requests_of(ids)[name]
    method = "GET" if name.startswith("GET") else "POST"
    path = f"/{name.replace(' ', '%20')}?s={ids.space}&a={ids.audience}&t={ids.activation}"
    found: Figures = {f"{name}, x bare": [], f"{name}, processor ms": []}
    for turn in range(rounds + 1):
        own = await Client(pair.ports["ours"], ids.token).open()  # idle ones are closed
        before, began = _processor_seconds(pair.pids["ours"]), time.perf_counter()
        for n in range(REQUESTS):
            await own.call(*make(turn * REQUESTS + n))
        middle = time.perf_counter()
        own.writer.close()
        used = _processor_seconds(pair.pids["ours"]) - before
        peer = await Client(pair.ports["bare"], "").open()
        for _ in range(REQUESTS):
            await peer.call(method, path, None if method == "GET" else {})
        peer.writer.close()
        if turn:  # the first compiles the statements
            found[f"{name}, x bare"].append((time.perf_counter() - middle) / (middle - began))
            found[f"{name}, processor ms"].append(used / REQUESTS * 1000)
    return found


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
        "statuses": dict(statuses),
        "p50": waits[len(waits) // 2],
        "p95": waits[len(waits) * 95 // 100],
        "longest": waits[-1],
        "served_per_second": statuses[200] / seconds,
    }


@dataclass
class Pair:
    """The two servers: ``ours`` and ``bare``."""

    space_id: str
    token: str
    ports: dict[str, int] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)

    async def ids(self) -> Ids:
        """Create what the requests need."""
        return await make_ids(await Client(self.ports["ours"], self.token).open(), self.space_id)


@contextmanager
def _pair() -> Iterator[Pair]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with api_database() as environment:
        made = asyncio.run(bootstrap_service(Settings()))
        pair = Pair(made.space_id, made.token or "")
        with (
            serving("ours", environment, pids=pair.pids) as ours,
            serving("bare", environment, "benchmarks.operations_peer:bare", pair.pids) as bare,
        ):
            pair.ports.update(ours=ours, bare=bare)
            yield pair


def _measure(repeats: int, names: Callable[[str], bool], clients: int = 0) -> Figures:
    async def all_of_them(pair: Pair) -> Figures:
        ids = await pair.ids()
        found: Figures = {}
        for name in filter(names, requests_of(ids)):
            found |= await one_after_another(pair, ids, name, repeats)
        if clients:
            path = f"/spaces/{ids.space}/audiences"
            burst = await crowd(pair.ports["ours"], ids, path, clients, seconds=5)
            assert set(burst["statuses"]) <= {200, 503}, burst
            found |= {
                f"{clients} clients {name}": [burst[name]] for name in ("p50", "p95", "longest")
            }
        return found

    with _pair() as pair:
        return asyncio.run(all_of_them(pair))


def post_activation(repeats: int, scale: float) -> Figures:
    """Measure POST activation."""
    del scale
    return _measure(repeats, lambda name: name == MADE)


def all_others(repeats: int, scale: float) -> Figures:
    """Measure every other operation, and the burst of 1,000 clients."""
    found = _measure(repeats, lambda name: name != MADE, clients=int(1_000 * scale) or 1)
    medians = {name: statistics.median(values) for name, values in found.items()}
    slowest = min((name for name in found if name.endswith("x bare")), key=medians.__getitem__)
    return {"slowest x bare": found[slowest], **found}


ROWS = (
    Row(
        "S10",
        "POST activation",
        (Aim(f"{MADE}, x bare", "x bare FastAPI and asyncpg INSERT", 0.5, at_most=False),),
        post_activation,
    ),
    Row(
        "S19",
        "every other operation of the API, one after another; then 1,000 clients at once",
        (Aim("slowest x bare", "x bare FastAPI and asyncpg, the slowest", 0.4, at_most=False),),
        all_others,
    ),
)
