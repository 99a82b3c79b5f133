"""What this version and another commit need for the same work, measured in turn.

``python -m benchmarks.versions COMMIT [--pairs 7] [--members 300000]``. Both services run at the same time, each on its own
servers, and do the same work one after the other, so that other load on the machine affects both. Printed for each kind of
work: the medians of time and of processor time (of all processes of a service), the median of the pairs' ratios, and the
lowest and highest of them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from benchmarks.service import Service, service
from benchmarks.sink import sink
from benchmarks.upload import upload
from benchmarks.working_tree import ROOT, working_tree

CHURN = 0.01
MEDIUM = 10_000  # members: more than a process reads itself, less than a second's work
PAUSE = 0.02  # seconds between two looks
TICKS = os.sysconf("SC_CLK_TCK")
ENDED = ("complete", "failed")
QUERY = "SELECT id AS profile_id, arg_max(email, moment) AS email FROM orders WHERE amount > 10 GROUP BY id"


class Version:
    """One of the two services, and the work that it does again and again."""

    def __init__(self, running: Service, url: str, members: int) -> None:
        self._running = running
        self._members = members
        self._turn = self._medium_turn = 0
        self._large = running.webhook_activation(f"{url}/large", batch_size=1_000)
        self._medium = running.webhook_activation(f"{url}/medium", batch_size=1_000)
        self._small = running.webhook_activation(f"{url}/small", batch_size=1_000)
        orders = running.call("POST", "/datasets", json={"name": "orders", "kind": "upload"})
        path = f"/datasets/{orders['dataset']['id']}/content"
        csv = {"Content-Type": "text/csv"}
        running.call("PUT", path, content=_orders(members), headers=csv)
        body = {"name": "Buyers", "definition": {"query": QUERY}, "audienceType": "USERS"}
        self._defined = running.call("POST", "/audiences", json=body)["audience"]["id"]
        upload(running, self._large[0], _members(members, 0))
        upload(running, self._small[0], b"profile_id,email\np,p@example.com\n")
        upload(running, self._medium[0], _members(MEDIUM, 0))
        self._wait_after(self._large, 0)
        self._wait_after(self._medium, 0)
        self._wait_after(self._small, 0)

    def kinds(self) -> dict[str, Callable[[], None]]:
        """Return the work by its name."""
        return {
            f"upload {self._members:,} members, {CHURN:.0%} churn, until delivered": self._upload,
            f"5 uploads of {MEDIUM:,} members, {CHURN:.0%} churn, each until delivered": self._medium_uploads,
            "20 patches of one member, each until delivered": self._patches,
            f"definition over {self._members:,} rows": self._define,
            "300 times GET activation": self._read,
            "100 times list of audiences": self._list,
        }

    def processor_seconds(self) -> float:
        """Return the processor time of all processes of the service, with those that have ended."""
        parents, seconds = {}, {}
        for file in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = file.read_text().rpartition(")")[2].split()
                parents[int(file.parent.name)] = int(fields[1])
                seconds[int(file.parent.name)] = sum(map(int, fields[11:15])) / TICKS
        ours = {self._running.process}
        while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
            ours |= more
        return sum(seconds.get(pid, 0.0) for pid in ours)

    def _upload(self) -> None:
        self._turn += 1
        last = self._number(self._large)
        upload(self._running, self._large[0], _members(self._members, self._turn))
        self._wait_after(self._large, last)

    def _medium_uploads(self) -> None:
        for _ in range(5):
            self._medium_turn += 1
            upload(self._running, self._medium[0], _members(MEDIUM, self._medium_turn))
            self._wait_after(self._medium, self._medium_turn)

    def _patches(self) -> None:
        for _ in range(20):
            last = self._number(self._small)
            member = {"profile_id": "p", "email": f"p{time.time_ns()}@example.com"}
            path = f"/audiences/{self._small[0]}/members"
            self._running.call("PATCH", path, json={"add": [member]})
            self._wait_after(self._small, last)

    def _define(self) -> None:
        runs = f"/audiences/{self._defined}/runs"
        path = f"{runs}/{self._running.call('POST', runs)['run']['id']}"
        while (run := self._running.call("GET", path)["run"])["status"] not in ENDED:
            time.sleep(PAUSE)
        if run["status"] != "complete":
            raise RuntimeError(f"the run ended as {run}")

    def _read(self) -> None:
        audience, activation = self._small
        for _ in range(300):
            self._running.call("GET", f"/audiences/{audience}/activations/{activation}")

    def _list(self) -> None:
        for _ in range(100):
            self._running.call("GET", "/audiences?pagination.count=20")

    def _number(self, pair: tuple[str, str]) -> int:
        return int(next((sync["number"] for sync in self._running.syncs(*pair)), 0))

    def _wait_after(self, pair: tuple[str, str], number: int) -> None:
        self._running.wait_for_sync(*pair, number + 1)


def _members(count: int, turn: int) -> bytes:
    """Return a CSV file with ids, addresses and numbers; each turn replaces 1 %."""
    first = int(count * CHURN) * turn
    numbers = list(range(first, first + count))
    random.Random(turn).shuffle(numbers)
    rows = (
        f"user-{n:09},First.Last{n}@example.com,+1415{2_000_000 + n % 7_999_999:07}\n"
        for n in numbers
    )
    return ("profile_id,email,phone\n" + "".join(rows)).encode()


def _orders(count: int) -> bytes:
    chance = random.Random(0)
    rows = (
        f"c{chance.randrange(count // 5)},c{n}@example.com,{chance.randrange(10_000) / 100},{n}\n"
        for n in range(count)
    )
    return ("id,email,amount,moment\n" + "".join(rows)).encode()


def main(commit: str, pairs: int = 7, members: int = 300_000) -> dict[str, float]:
    """Measure both versions and print the table. Returns the median ratio of time by the name of the work."""
    times: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    with working_tree(commit) as tree, sink() as url, service(tree) as old, service(ROOT) as new:
        versions = [Version(running, url, members) for running in (old, new)]
        for pair in range(pairs + 1):
            for name in versions[0].kinds():
                measured = [_measure(version, name) for version in versions]
                if pair:  # the first is the warm-up
                    times[name].append((*measured[0], *measured[1]))
    print(
        f"this version / {commit}, {pairs} pairs: time, and processor time (median, lowest to highest)"
    )
    ratios = {}
    for name, found in times.items():
        wall = sorted(new / old for old, _, new, _ in found)
        used = sorted(new / old for _, old, _, new in found if old)
        seconds = [statistics.median(column) for column in zip(*found, strict=True)]
        print(
            f"  {name:<55} {seconds[0]:6.2f} -> {seconds[2]:6.2f} s {_ratio(wall)}"
            f"   {seconds[1]:6.2f} -> {seconds[3]:6.2f} s {_ratio(used)}"
        )
        ratios[name] = statistics.median(wall)
    return ratios


def _measure(version: Version, name: str) -> tuple[float, float]:
    used, begun = version.processor_seconds(), time.perf_counter()
    version.kinds()[name]()
    return time.perf_counter() - begun, version.processor_seconds() - used


def _ratio(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--members", type=int, default=300_000)
    main(**vars(parser.parse_args()))
