"""Ten times as many members: time and memory of an upload over HTTP until the plan is ready (row S3).

Two services run at the same time, one with 1 M ids and one with 10 M. In turn, each gets its members with 1 % of others, as
in row S2. The memory of API and worker, each with its children, is the most since the service has started: it includes the
first upload, the first plan, in which all members enter, and its delivery.
"""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.memory import Sampler
from benchmarks.rows import Aim, Figures, Row, in_turn
from benchmarks.service import Service, service
from benchmarks.sink import sink
from benchmarks.upload import Uploads

MEMBERS = 1_000_000
TIMES = 10
PROCESSES = ("api", "worker")


class Measured:
    """A service with some members. ``memory`` has the megabytes of each process after each upload, by figure."""

    def __init__(self, running: Service, url: str, members: int, sampler: Sampler) -> None:
        self._sampler = sampler
        self.memory: dict[str, list[float]] = {}
        self._uploads = Uploads(running, url, members, traits=False)

    def seconds(self) -> float:
        """Upload the next membership. Returns the seconds until its plan is ready."""
        taken = self._uploads.seconds()
        for name in PROCESSES:
            self.memory.setdefault(f"{name} MB", []).append(self._sampler.peaks[name])
            self.memory.setdefault(f"{name} RSS MB", []).append(self._sampler.resident[name])
        return taken


def ten_times_as_many(repeats: int, scale: float) -> Figures:
    """Measure both sizes in turn."""
    with sink() as url, ExitStack() as running:
        small, large = (
            _start(running, url, int(members * scale)) for members in (MEMBERS, MEMBERS * TIMES)
        )
        figures = in_turn(large.seconds, small.seconds, repeats)
    figures["10 M s"], figures["1 M s"] = figures.pop("ours s"), figures.pop("peer s")
    del figures["added s"]
    for name, sizes in large.memory.items():
        before = small.memory[name]
        figures[name] = sizes[-repeats:]
        figures[f"{name} more"] = [one - other for one, other in zip(sizes, before, strict=True)][
            -repeats:
        ]
    return figures


def _start(running: ExitStack, url: str, members: int) -> Measured:
    started = running.enter_context(service())
    pids = {name: started.pids[name] for name in PROCESSES}
    return Measured(started, url, members, running.enter_context(Sampler(pids)))


ROWS = (
    Row(
        "S3",
        "upload of 10 M ids, 1 % new, until the plan is ready, beside 1 M ids",
        (
            Aim("ratio", "x the time of 1 M ids", 11),
            Aim("api MB", "MB of the API and its children", 400),
            Aim("worker MB", "MB of the worker and its children", 400),
            Aim("api MB more", "MB more than with 1 M ids, of the API and its children", 32),
            Aim("worker MB more", "MB more than with 1 M ids, of the worker and its children", 32),
        ),
        ten_times_as_many,
    ),
)
