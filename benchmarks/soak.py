"""A soak: one change a second over five audiences of 20,000 members, with a look at what the service uses.

``python -m benchmarks.soak --minutes 60`` prints a line each minute, and tables at the end. Memory is PSS without files
(``benchmarks.usage``). The exit code is 1 if an aim is missed:

- for each process, the median memory of the last quarter is at most 3 % above that of the second quarter (or 1 MB, if that is more),
  and descriptors and threads are as many (at most 1 or 3 % more). A process of PostgreSQL keeps each file of a table or an index
  that it uses open, so it may have one descriptor more for each such file that was made since the second quarter began;
- no process ended; each change reached the receiver, once, and its members are those of the audiences;
- files are as many as docs/operations.md says (Disk space), and each change added at most one row to each table of the database (1.1
  with attempts that were repeated).

Memory is level after about 20 minutes, so that a shorter run may miss the first aim.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import stat
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import orjson

from app.embedded.servers import start_servers
from benchmarks.service import Service, service
from benchmarks.small_changes import Arrivals, receiver
from benchmarks.upload import upload
from benchmarks.usage import Usage, of_service

AUDIENCES = 5
MEMBERS = 20_000
EVERY = 1.0  # seconds from one change to the next
LOOK = 5  # changes between two looks at the processes
PATIENCE = 60.0  # seconds after the last change
GROWTH = 1.03
#: docs/operations.md: files for each change, and those that an audience has from its first upload on.
FILES_PER_CHANGE = 3.12
FILES_AT_FIRST = 10
ROWS_PER_CHANGE = 1.1

Change = tuple[str, str]  # kind, id


@dataclass
class Audience:
    """An audience and the members that it has. A new member enters, then the oldest one leaves, and so on."""

    number: int
    id: str
    activation: str
    first: int = 0
    last: int = MEMBERS
    turn: int = 0

    def name(self, number: int) -> str:
        return f"a{self.number}-{number:07}"

    @property
    def members(self) -> set[str]:
        return {self.name(number) for number in range(self.first, self.last)}

    def change(self, running: Service) -> Change:
        """Patch one member in or out. Returns what the receiver must get."""
        self.turn += 1
        path = f"/audiences/{self.id}/members"
        if self.turn % 2:
            name, self.last = self.name(self.last), self.last + 1
            row = {"profile_id": name, "email": f"{name}@example.com"}
            running.call("PATCH", path, json={"add": [row]})
            return "entered", name
        name, self.first = self.name(self.first), self.first + 1
        running.call("PATCH", path, json={"remove": [name]})
        return "exited", name


def create(running: Service, url: str, number: int) -> Audience:
    """Create an audience, and wait until its first members are delivered."""
    made = Audience(number, *running.webhook_activation(url, batch_size=1_000))
    rows = (f"{name},{name}@example.com\n" for name in sorted(made.members))
    upload(running, made.id, ("profile_id,email\n" + "".join(rows)).encode())
    running.wait_for_sync(made.id, made.activation, 1)
    return made


@dataclass
class Received:
    """What the receiver got: its members, and when each change came for the first time."""

    arrivals: Arrivals
    members: set[str] = field(default_factory=set)
    at: dict[Change, float] = field(default_factory=dict)
    repeats: int = 0

    def take(self) -> None:
        """Read the messages that came since the last call."""
        with self.arrivals.news:
            bodies, self.arrivals.bodies = self.arrivals.bodies, []
        for at, body in bodies:
            data = orjson.loads(body)["data"]
            for kind in ("exited", "entered", "updated"):
                for item in data[kind]:
                    self._apply(kind, item["id"], at)

    def _apply(self, kind: str, name: str, at: float) -> None:
        self.repeats += (kind, name) in self.at
        self.at.setdefault((kind, name), at)
        if kind == "exited":
            self.members.discard(name)
        else:
            self.members.add(name)


@dataclass(frozen=True)
class Stored:
    """What is stored at one moment.

    ``files`` and ``sizes`` are those of the data folder by kind, ``tables`` the files of PostgreSQL's tables and indexes, ``database``
    the database's bytes, and ``rows`` its rows by table.
    """

    changes: int
    files: Counter[str]
    sizes: Counter[str]
    tables: int
    database: int
    rows: dict[str, int]


def stored(data: Path, database_url: str, changes: int) -> Stored:
    """Look at the data folder and the database."""
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in data.rglob("*"):
        try:
            status = file.lstat()
        except OSError:  # removed in this moment
            continue
        if stat.S_ISREG(status.st_mode) and (kind := _kind(file.relative_to(data))):
            files[kind] += 1
            sizes[kind] += status.st_size
    tables = sum(1 for _ in data.glob("servers/postgres/base/*/*"))
    return Stored(changes, files, sizes, tables, *asyncio.run(_database(database_url)))


def _kind(path: Path) -> str:
    """Return the kind of a file: ``objects: syncs/plan`` for a plan, otherwise its first folders. Empty for what no change writes."""
    parts = path.parts
    if parts[0] == "objects":
        folder = next(
            (one for one in parts if one in ("snapshots", "syncs", "holdings")), parts[-2]
        )
        return f"objects: {folder}/{re.split(r'[-.]', path.name)[0]}"
    return "/".join(parts[:2]) if len(parts) > 1 else ""


async def _database(url: str) -> tuple[int, dict[str, int]]:
    connection = await asyncpg.connect(url)
    try:
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
        names = await connection.fetch("SELECT relname FROM pg_stat_user_tables ORDER BY relname")
        rows = {
            name: await connection.fetchval(f'SELECT count(*) FROM "{name}"') for (name,) in names
        }
    finally:
        await connection.close()
    return size, rows


@dataclass
class Soak:
    """A run: what was sent, and what was seen."""

    running: Service
    received: Received
    audiences: list[Audience]
    seconds: float
    database_url: str
    sent: dict[Change, float] = field(default_factory=dict)
    looks: list[tuple[float, dict[str, Usage]]] = field(default_factory=list)
    quarters: list[Stored] = field(default_factory=list)  # at the start and the end of each quarter

    def store(self) -> None:
        self.quarters.append(stored(Path(self.running.data), self.database_url, len(self.sent)))

    def run(self) -> None:
        """Send the changes, and look at processes, files and database in between."""
        begun, minute = time.monotonic(), 1
        self.store()
        while (now := time.monotonic() - begun) < self.seconds:
            audience = self.audiences[len(self.sent) % len(self.audiences)]
            at = time.monotonic()
            self.sent[audience.change(self.running)] = at
            if len(self.sent) % LOOK == 0:
                self.looks.append((now, of_service(self.running.process, self.running.pids)))
            if now >= minute * 60:
                self.say(minute)
                minute += 1
            if now >= self.seconds / 4 * len(self.quarters):
                self.store()
            time.sleep(max(0.0, begun + len(self.sent) * EVERY - time.monotonic()))
        self.wait()
        self.store()

    def wait(self) -> None:
        """Wait until each change has come, or the patience ends."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.received.take()
            if self.sent.keys() <= self.received.at.keys():
                break
            time.sleep(0.1)
        time.sleep(2)  # a repeat would come now
        self.received.take()

    @property
    def delays(self) -> list[float]:
        came = self.received.at
        return [came[change] - at for change, at in self.sent.items() if change in came]

    def say(self, minute: int) -> None:
        """Print the line of a minute."""
        self.received.take()
        delays, used = self.delays, self.looks[-1][1] if self.looks else {}
        memory = ", ".join(f"{name} {one.memory:.0f}" for name, one in used.items())
        print(
            f"minute {minute}: {len(self.sent)} changes, {len(delays)} received, "
            f"greatest delay of the last 60 {max(delays[-60:], default=0):.2f} s; MB: {memory}",
            flush=True,
        )

    def of_quarter(self, quarter: int, name: str) -> Usage:
        """Return the medians of what a process used in a quarter (from 0), and its processor time."""
        length = self.seconds / 4
        seen = [used.get(name, Usage()) for at, used in self.looks if at // length == quarter]
        if not seen:
            return Usage()
        return Usage(
            statistics.median(one.memory for one in seen),
            round(statistics.median(one.descriptors for one in seen)),
            round(statistics.median(one.threads for one in seen)),
            seen[-1].cpu - seen[0].cpu,
        )


def exceeds(before: float, after: float) -> bool:
    """Whether a figure has grown by more than 3 %, and by more than 1."""
    return after > max(before * GROWTH, before + 1)


def judge_processes(soak: Soak) -> Iterator[str]:
    """Print the table of the processes. Yields what is missed."""
    names = soak.looks[0][1].keys() | soak.looks[-1][1].keys() if soak.looks else set()
    new_tables = soak.quarters[-1].tables - soak.quarters[min(1, len(soak.quarters) - 1)].tables
    print(f"\nfiles of tables and indexes since the second quarter began: {new_tables} more")
    print(
        f"\n{'process':24} {'MB, 2nd quarter':>16} {'last':>8} {'ratio':>7}   descriptors   threads   processor time, last quarter"
    )
    for name in sorted(names):
        before, after = soak.of_quarter(1, name), soak.of_quarter(3, name)
        ratio = after.memory / before.memory if before.memory else float("nan")
        print(
            f"{name:24} {before.memory:16.1f} {after.memory:8.1f} {ratio:7.3f}   "
            f"{before.descriptors:4} → {after.descriptors:<4}   {before.threads:3} → {after.threads:<3}   {after.cpu:.1f} s"
        )
        for what in ("memory", "descriptors", "threads"):
            was, now = getattr(before, what), getattr(after, what)
            of_new_files = name == "postgres" and what == "descriptors"
            if exceeds(was, now - of_new_files * new_tables * after.threads):
                yield f"{what} of {name}: {was:.1f} → {now:.1f}"
    ended = [
        name for name, pid in soak.running.pids.items() if pid and not Path(f"/proc/{pid}").exists()
    ]
    if ended:
        yield f"processes that ended: {', '.join(ended)}"


def judge_stored(soak: Soak) -> Iterator[str]:
    """Print what is stored. Yields what is missed."""
    first, last = soak.quarters[0], soak.quarters[-1]
    print(f"\n{'files':34} {'at first':>9} {'at last':>9} {'for a change':>13} {'MB':>9}")
    for kind, count in sorted(last.files.items()):
        added = (count - first.files[kind]) / max(1, last.changes)
        print(
            f"{kind:34} {first.files[kind]:9} {count:9} {added:13.2f} {last.sizes[kind] / 1e6:9.1f}"
        )
    objects = sum(count for kind, count in last.files.items() if kind.startswith("objects"))
    bound = FILES_PER_CHANGE * last.changes + FILES_AT_FIRST * len(soak.audiences)
    print(
        f"{objects} files of snapshots, plans, outcomes and holdings; documented: at most {bound:.0f}"
    )
    if objects > bound:
        yield f"files: {objects}, documented are at most {bound:.0f}"
    grown = (last.database - first.database) / max(1, last.changes)
    print(
        f"\ndatabase: {first.database / 1e6:.1f} → {last.database / 1e6:.1f} MB, {grown:.0f} bytes for a change"
    )
    print(
        f"{'table':24} {'at first':>9} {'at last':>9} {'for a change: 2nd quarter':>26} {'last':>6}"
    )
    for table, count in last.rows.items():
        if count <= first.rows.get(table, 0):
            continue
        before, after = rows_per_change(soak, 1, table), rows_per_change(soak, 3, table)
        print(f"{table:24} {first.rows.get(table, 0):9} {count:9} {before:26.2f} {after:6.2f}")
        if (added := (count - first.rows.get(table, 0)) / max(1, last.changes)) > ROWS_PER_CHANGE:
            yield f"rows of {table} for each change: {added:.2f}"


def rows_per_change(soak: Soak, quarter: int, table: str) -> float:
    """Return how many rows each change of a quarter (from 0) added to a table."""
    at = min(quarter, len(soak.quarters) - 2)
    before, after = soak.quarters[at : at + 2]
    return (after.rows[table] - before.rows[table]) / max(1, after.changes - before.changes)


def judge_received(soak: Soak) -> Iterator[str]:
    """Print what the receiver got. Yields what is missed."""
    delays, received = sorted(soak.delays), soak.received
    truth = set().union(*(audience.members for audience in soak.audiences))
    wrong = len(truth ^ received.members)
    median, greatest = (statistics.median(delays), delays[-1]) if delays else (0.0, 0.0)
    print(
        f"\n{len(soak.sent)} changes sent in {soak.seconds / 60:g} minutes, {len(delays)} received, {received.repeats} repeated; delay "
        f"{median:.2f} s (median), {greatest:.2f} s (greatest); {wrong} of {len(truth)} members wrong"
    )
    if len(delays) < len(soak.sent):
        yield f"{len(soak.sent) - len(delays)} changes were not received"
    if received.repeats:
        yield f"{received.repeats} changes came again"
    if wrong:
        yield f"{wrong} members of the receiver are wrong"


JUDGES: tuple[Callable[[Soak], Iterator[str]], ...] = (
    judge_processes,
    judge_stored,
    judge_received,
)


def main() -> int:
    """Run the soak. Returns 1 if an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    minutes = parser.parse_args().minutes
    with receiver() as (url, arrivals), service() as running:
        servers = start_servers(Path(running.data))  # joins those that run
        try:
            audiences = [create(running, url, number) for number in range(AUDIENCES)]
            soak = Soak(running, Received(arrivals), audiences, minutes * 60, servers.database_url)
            soak.received.take()
            soak.run()
            missed = [line for judge in JUDGES for line in judge(soak)]
        finally:
            servers.stop()
    print("\n" + ("\n".join(f"missed: {line}" for line in missed) or "all aims kept"))
    return int(bool(missed))


if __name__ == "__main__":
    # The service ends with this program, also when it is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
