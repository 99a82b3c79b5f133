"""The schedule of a chaos run: which faults begin when, fixed by the seed and the length of the load."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.chaos_processes.faults import FAULTS, TAKEOVERS

EVERY = 3.0  # seconds from one fault to the next
FIRST = 1.5


@dataclass(frozen=True)
class Planned:
    """A fault, when it begins, and the seed of what it draws."""

    kind: str
    at: float
    seed: str


#: Faults of the runs of a mutant, since they meet what it breaks, and how many others. (Cancelled syncs and late calls meet the rest.)
OTHERS = 3
MEETING: dict[str, tuple[str, ...]] = {
    "write-ahead": (),
    "fold": (),
    "fence": ("stop-run", "stop-run"),
    "settle-time": (),
    "file-before-row": ("kill-at-point", "kill-worker"),
}


def schedule(seed: int, seconds: float, mutant: str | None = None) -> list[Planned]:
    """Return the faults of a run. Runs of 20 s with three seeds in a row have all kinds; a run of 60 s has them alone."""
    count = max(2, int((seconds - FIRST) / EVERY) + 1)
    kinds = list(FAULTS)
    begin = (seed - 1) * count
    dealt = [kinds[(begin + turn) % len(kinds)] for turn in range(count)]
    chance = random.Random(f"schedule-{seed}-{seconds}")
    if mutant:
        dealt = [*MEETING[mutant], *dealt[:OTHERS]]
    if not set(dealt) & set(TAKEOVERS):
        dealt.append(chance.choice(TAKEOVERS))
    chance.shuffle(dealt)
    step = (seconds - FIRST) / len(dealt)
    return [
        Planned(kind, FIRST + step * (turn + chance.uniform(0, 0.6)), f"{seed}-{turn}-{kind}")
        for turn, kind in enumerate(dealt)
    ]
