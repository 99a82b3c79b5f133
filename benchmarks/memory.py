"""The memory of processes with all of their descendants, sampled while they work."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

PAUSE = 0.1  # seconds between two samples


class Sampler:
    """Samples processes in a thread, from the start of a ``with`` block to its end.

    ``peaks`` and ``resident`` have the most megabytes of each process with its descendants, by name. ``peaks`` divides pages that
    processes share between them (proportional set size); ``resident`` counts them once for each process.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self.peaks = dict.fromkeys(pids, 0.0)
        self.resident = dict.fromkeys(pids, 0.0)
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
            for name, pid in self._pids.items():
                sizes = [_sizes(one) for one in set(_tree(pid))]
                for most, sum_of in ((self.peaks, "Pss"), (self.resident, "Rss")):
                    most[name] = max(most[name], sum(size[sum_of] for size in sizes))


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and all of its descendants."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        found = [(task / "children").read_text().split() for task in tasks]
    except OSError:  # it has ended
        return
    for words in found:
        for word in words:
            yield from _tree(int(word))


def _sizes(pid: int) -> dict[str, float]:
    """Return the megabytes of a process, ``{"Pss": …, "Rss": …}``; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        lines = []
    words = {line.split()[0]: line.split()[1] for line in lines[1:]}
    return {name: int(words.get(f"{name}:", 0)) * 1024 / 1e6 for name in ("Pss", "Rss")}
