"""The memory of each process of a service, children included, while audiences of several sizes are uploaded and delivered.

``python -m benchmarks.memory [--emails] [members …]`` (1,000,000 and 3,000,000) starts a new service for each size, uploads the ids
twice, with 1 % of them new the second time, and waits until both syncs are settled. It prints the peak of each process in
each step, in MiB: proportional set size, which divides shared pages between the processes that share them.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.service import Service, service
from benchmarks.sink import sink

CHURN = 0.01
PAUSE = 0.05  # seconds between two samples
PATIENCE = 900.0  # seconds of one step
_CHUNK = 100_000  # rows


class Sampler:
    """Samples processes with all of their descendants, in a thread. ``peaks``: MiB by step and process."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self.step = "idle"
        self.peaks: dict[str, dict[str, float]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(PAUSE):
            step = self.peaks.setdefault(self.step, {})
            for name, pid in self._pids.items():
                step[name] = max(step.get(name, 0.0), sum(map(_size, _tree(pid))))


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        found = [(task / "children").read_text().split() for task in tasks]
    except OSError:  # it has ended
        return
    for child in {int(word) for words in found for word in words}:
        yield from _tree(child)


def _size(pid: int) -> float:
    try:
        shown = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(shown.split("\nPss:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0


def csv_of(numbers: np.ndarray, *, emails: bool) -> Iterator[bytes]:
    """Yield the CSV file of members with these 128-bit numbers (rows of 16 bytes), 32 letters each, in pieces."""
    yield b"profile_id,email\n" if emails else b"profile_id\n"
    for first in range(0, len(numbers), _CHUNK):
        text = numbers[first : first + _CHUNK].tobytes().hex()
        ids = [text[place : place + 32] for place in range(0, len(text), 32)]
        lines = (f"{one},{one}@example.com" for one in ids) if emails else ids
        yield ("\n".join(lines) + "\n").encode()


def measure(members: int, *, emails: bool) -> dict[str, Any]:
    """Run one size on a new service. Returns the peaks by step, and the seconds of each step."""
    chance, moved = np.random.default_rng(7), int(members * CHURN)
    numbers = chance.integers(0, 256, (members + moved, 16), np.uint8)
    with sink() as url, service() as running:
        audience, activation = running.webhook_activation(url, batch_size=10_000)
        with Sampler({name: running.pids[name] for name in ("api", "worker")}) as sampler:
            steps = _Steps(running, sampler, audience, activation)
            time.sleep(1)
            steps.take("first", csv_of(numbers[:members], emails=emails), 1)
            steps.take("churn", csv_of(numbers[moved:], emails=emails), 2)
    return {"members": members, "MiB": sampler.peaks, "seconds": steps.seconds}


class _Steps:
    """The steps from an upload until its sync is settled."""

    def __init__(self, running: Service, sampler: Sampler, audience: str, activation: str) -> None:
        self._running, self._sampler = running, sampler
        self._audience, self._activation = audience, activation
        self.seconds: dict[str, float] = {}

    def take(self, name: str, content: Iterator[bytes], number: int) -> None:
        """Upload members, and follow the run and the sync with that number."""
        with self._step(f"{name}: upload"):
            self._running.call("PUT", f"/audiences/{self._audience}/members", content=content,
                               headers={"Content-Type": "text/csv"})  # fmt: skip
        with self._step(f"{name}: run"):
            self._wait(lambda: self._runs()[0]["status"] == "complete")
        with self._step(f"{name}: plan"):
            self._wait(lambda: len(self._syncs()) == number and self._syncs()[0]["plannedAt"])
        with self._step(f"{name}: deliver and settle"):
            self._wait(lambda: self._syncs()[0]["status"] == "complete")

    def _runs(self) -> Any:
        return self._running.call("GET", f"/audiences/{self._audience}/runs")["runs"]

    def _syncs(self) -> Any:
        return self._running.syncs(self._audience, self._activation)

    def _wait(self, is_over: Any) -> None:
        end = time.monotonic() + PATIENCE
        while not is_over():
            if time.monotonic() > end:
                raise TimeoutError(self._sampler.step)
            time.sleep(PAUSE)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._sampler.step, begun = name, time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - begun, 2)


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the peak of each process over all steps by size, and what the largest size needs more than the smallest."""
    peaks = {
        name: [round(max(step[name] for step in one["MiB"].values())) for one in found]
        for name in ("api", "worker")
    }
    return {name: {"MiB": sizes, "more": sizes[-1] - sizes[0]} for name, sizes in peaks.items()}


def main() -> None:
    """Measure all sizes and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("members", type=int, nargs="*", default=[1_000_000, 3_000_000])
    parser.add_argument("--emails", action="store_true", help="members with an e-mail address each")
    asked = parser.parse_args()
    found = [measure(members, emails=asked.emails) for members in asked.members]
    for one in found:
        one["MiB"] = {
            step: {name: round(size) for name, size in sizes.items()}
            for step, sizes in one["MiB"].items()
        }
    print(json.dumps({"sizes": found, "peaks": summary(found)}, indent=2))


if __name__ == "__main__":
    main()
