"""What a benchmark is: a row of the table, its aims, and the figures that a run of it gives.

A figure is one value for each repeat. Where it has a peer, the peer was measured in the same repeat, and the value is
the ratio of the two: other work on the machine then affects both.
"""

from __future__ import annotations

import operator
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

#: The values of each figure by its name, one for each repeat.
Figures = dict[str, list[float]]


_LONG = 10.0  # seconds


@dataclass(frozen=True)
class Aim:
    """What one figure of a row must reach."""

    figure: str
    text: str  # what is compared, for readers
    bound: float
    at_most: bool = True

    def kept(self, values: list[float]) -> bool:
        """Whether the median reaches the bound."""
        compare = operator.le if self.at_most else operator.ge
        return bool(compare(statistics.median(values), self.bound))

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g} {self.text}"


@dataclass(frozen=True)
class Row:
    """One row of the table. ``measure`` takes the number of repeats and the share of the full size (1 = full)."""

    name: str
    what: str
    aims: tuple[Aim, ...]
    measure: Callable[[int, float], Figures]


@dataclass(frozen=True)
class Seen:
    """The figures of a row after a run, or why there are none."""

    row: Row
    figures: Figures = field(default_factory=dict)
    seconds: float = 0.0  # how long the row took
    fault: str | None = None

    def kept(self, aim: Aim) -> bool:
        """Whether the row ran and this aim is reached."""
        values = self.figures.get(aim.figure)
        return bool(values) and aim.kept(values or [])

    def as_json(self) -> dict[str, object]:
        """Return the row for a JSON file: aims with ``kept``, and median, least and most of each figure."""
        return {
            "row": self.row.name,
            "what": self.row.what,
            "command": command(self.row.name),
            "seconds": round(self.seconds, 1),
            "aims": [
                {"figure": aim.figure, "aim": str(aim), "kept": self.kept(aim)}
                for aim in self.row.aims
            ],
            "figures": {name: spread(values) for name, values in self.figures.items()},
            **({"fault": self.fault} if self.fault else {}),
        }


def command(name: str) -> str:
    """Return the command that measures one row alone."""
    return f"python -m benchmarks {name}"


def spread(values: list[float]) -> dict[str, object]:
    """Return the median, the least, the most, and how many values there are."""
    return {
        "median": round(statistics.median(values), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
        "repeats": len(values),
    }


def seconds(function: Callable[[], object]) -> float:
    """Return how many seconds a call takes."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def turns(count: int) -> Iterator[int]:
    """Yield the numbers of the turns. Turns that take long are told on the error output, so that the table stays as it is."""
    begun = told = time.perf_counter()
    for turn in range(count):
        if (now := time.perf_counter()) - told > _LONG:
            told = now
            print(
                f"     turn {turn + 1} of {count}, after {now - begun:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        yield turn


def in_turn(
    ours: Callable[[], float], peer: Callable[[], float], repeats: int, *, warm_up: bool = True
) -> Figures:
    """Measure both in turn.

    Each function returns seconds. Returns ``ratio`` (ours / peer), ``added s`` (ours - peer), ``ours s`` and ``peer s``.
    The first call of each does not count, except with ``warm_up=False``.
    """
    if warm_up:
        peer(), ours()
    pairs = [(peer(), ours()) for _ in turns(repeats)]
    return {
        "ratio": [own / other for other, own in pairs],
        "added s": [own - other for other, own in pairs],
        "ours s": [own for _, own in pairs],
        "peer s": [other for other, _ in pairs],
    }


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[max(0, round(share * len(ordered)) - 1)]
