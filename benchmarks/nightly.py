"""Six nights of a sender of members, beside drt, dlt and a plain script (row S14).

An audience of 20,000 members is a file. Each program sends it to the same receiver once, and then in each scenario the file of the next
night, from the state after the first. What the receiver has in the end is compared with the file here, as sets; the programs are not asked.

| scenario | the next night |
|---|---|
| first send | (the first night itself) |
| 1 % churn | 1 % have left, as many are new |
| nothing changed | the same file |
| 429 | 1 % churn; for 60 s from its first request on, the partner answers 429 and says how long that lasts |
| kill -9 | 10 % churn; the program is killed after half of the rows, and runs again with the file of the night after, another 1 % churn |
| empty source | a file without rows, as a broken export leaves it: the receiver must keep its members |

Seconds are those of the command that a timer would start; for the service, which runs already, from the first byte of the upload until the
sync has ended or waits for approval. ``python -m benchmarks.nightly`` prints a table of all; ``--scale 0.1`` makes the audience smaller,
and the time of 429 and the service's lease and settle time shorter.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.members_receiver import Receiver, members_receiver
from benchmarks.nightly_programs import (
    Night,
    OurService,
    Program,
    Script,
    drt,
    python_peer,
    write,
)
from benchmarks.peers import check_installed
from benchmarks.rows import Aim, Figures, Row, turns
from benchmarks.service import service

MEMBERS = 20_000
LIMIT = 60.0  # seconds of 429
CHURN = 0.01
KILLED_CHURN = 0.1
SERVICE = "service"
FIRST, FEW, SAME, LIMITED, KILLED, EMPTY = SCENARIOS = (
    "first send",
    "1 % churn",
    "nothing changed",
    "429",
    "kill -9",
    "empty source",
)


@dataclass(frozen=True)
class Outcome:
    """How a scenario ended. ``again``: rows that changed nothing at the receiver; ``wrong``: members too many and missing there."""

    seconds: float
    requests: int
    rows: int
    again: int
    wrong: int
    wiped: bool

    def __str__(self) -> str:
        wiped = ", all members removed" if self.wiped else ""
        return (
            f"{self.seconds:8.2f} s, {self.requests:6} requests, {self.rows:6} rows, {self.again:6} again, "
            f"{self.wrong:6} members wrong{wiped}"
        )


def next_night(last: Night, number: int, share: float) -> Night:
    """Return the members of the next night: a share of all has left, in each part of the list, and as many are new."""
    step = round(1 / share)
    stay = {name: night for at, (name, night) in enumerate(last.items()) if at % step}
    new = {f"n{number}-{at:06}": number for at in range(len(last) - len(stay))}
    return stay | new


class Nights:
    """The files of all nights."""

    def __init__(self, folder: Path, members: int) -> None:
        self.folder = folder
        self.first: Night = {f"n0-{at:06}": 0 for at in range(members)}
        self.few = next_night(self.first, 1, CHURN)
        self.killed = next_night(self.first, 1, KILLED_CHURN)
        self.after = next_night(self.killed, 2, CHURN)

    def file(self, night: Night) -> Path:
        return write(night, self.folder / "members.csv")


def ended(receiver: Receiver, path: str, truth: Night, seconds: float) -> Outcome:
    """Compare what a path has with what it must have."""
    state = receiver.state(path, members=True)
    members = set(state["members"])
    return Outcome(
        seconds,
        state["requests"],
        state["rows"],
        state["again"],
        len(members ^ truth.keys()),
        not members,
    )


@dataclass(frozen=True)
class Play:
    """One round of all scenarios."""

    receiver: Receiver
    nights: Nights
    turn: int
    limit_seconds: float

    def outcomes(self, program: Program) -> Iterator[tuple[str, Outcome]]:
        """Let a program play all scenarios. Yields each outcome with its name."""
        nights = self.nights

        def path(scenario: str) -> str:
            return f"{program.name}-{SCENARIOS.index(scenario)}-{self.turn}"

        def play(scenario: str, night: Night, truth: Night, **options: float) -> Outcome:
            program.resume(path(scenario), **options)
            seconds = program.send(nights.file(night))
            return ended(self.receiver, path(scenario), truth, seconds)

        seconds = program.first(path(FIRST), nights.file(nights.first))
        yield FIRST, ended(self.receiver, path(FIRST), nights.first, seconds)
        yield FEW, play(FEW, nights.few, nights.few)
        yield SAME, play(SAME, nights.first, nights.first)
        yield LIMITED, play(LIMITED, nights.few, nights.few, limit_seconds=self.limit_seconds)
        yield EMPTY, play(EMPTY, {}, nights.first)
        # The service and the script also send those that left.
        sent = len(nights.killed.keys() - nights.first.keys())
        if program.name in (SERVICE, "script"):
            sent *= 2
        program.resume(path(KILLED), hold_after=sent // 2)
        program.kill_midway(nights.file(nights.killed))
        seconds = program.send(nights.file(nights.after))
        yield KILLED, ended(self.receiver, path(KILLED), nights.after, seconds)


Found = dict[tuple[str, str], Outcome]  # scenario, program


def shorter(scale: float) -> dict[str, str]:
    """Return settings of a service whose lease and settle time fit into the time of a first look."""
    lease, timeout = max(6.0, 60 * scale), max(2.0, 20 * scale)
    return {
        "ACTIVATIONS_LEASE": str(lease),
        "ACTIVATIONS_SETTLE_TIME": str(lease),
        "ACTIVATIONS_HTTP_TOTAL_TIMEOUT": str(timeout),
        "ACTIVATIONS_HTTP_CONNECT_TIMEOUT": str(timeout / 2),
    }


@contextmanager
def playing(scale: float) -> Iterator[Callable[[int], Iterator[tuple[str, str, Outcome]]]]:
    """Start the receiver. Yields a function that plays one round, and yields each scenario, program and outcome."""
    check_installed()
    with (
        tempfile.TemporaryDirectory(prefix="activations-bench-") as name,
        members_receiver() as receiver,
    ):
        folder = Path(name)
        nights = Nights(folder, max(200, int(MEMBERS * scale)))
        script = partial(Script, receiver=receiver, folder=folder)
        scripts: Sequence[Program] = (
            script(name="script", command=python_peer("script_members")),
            script(name="dlt", command=python_peer("dlt_members")),
            script(name="drt", command=drt),
        )

        def play(turn: int) -> Iterator[tuple[str, str, Outcome]]:
            one_round = Play(receiver, nights, turn, LIMIT * scale)
            for program in scripts:
                for scenario, outcome in one_round.outcomes(program):
                    yield scenario, program.name, outcome
            with service(**(shorter(scale) if scale < 1 else {})) as running:
                ours = OurService(receiver, running, write(nights.first, folder / "first.csv"))
                ours.first(f"warm-up-{turn}", ours.first_file)
                for scenario, outcome in one_round.outcomes(ours):
                    yield scenario, ours.name, outcome

        yield play


def ratio(found: Found, scenario: str) -> float:
    """Return the service's time divided by that of the quickest correct peer; 0 if no peer is correct."""
    peers = [
        one.seconds
        for (key, name), one in found.items()
        if key == scenario and name != SERVICE and not one.wrong
    ]
    return found[scenario, SERVICE].seconds / min(peers) if peers else 0.0


def measure(repeats: int, scale: float) -> Figures:
    """Play all scenarios, at most three times: the waits of 60 s make minutes of each round."""
    figures: Figures = {}

    def note(figure: str, value: float) -> None:
        figures.setdefault(figure, []).append(value)

    with playing(scale) as play:
        for turn in turns(min(repeats, 3)):
            found = {(scenario, name): one for scenario, name, one in play(turn)}
            note(
                "members wrong, service",
                sum(one.wrong for (_, name), one in found.items() if name == SERVICE),
            )
            for scenario in SCENARIOS:
                note(f"{scenario}, x peer", ratio(found, scenario))
            for (scenario, name), one in found.items():
                note(f"{scenario}, {name}: s", one.seconds)
                note(f"{scenario}, {name}: requests", one.requests)
                note(f"{scenario}, {name}: rows again", one.again)
                note(f"{scenario}, {name}: members wrong", one.wrong)
                if scenario == EMPTY:
                    note(f"{scenario}, {name}: all removed", one.wiped)
    return figures


ROWS = (
    Row(
        "S14",
        "six nights of a sender of 20,000 members, beside drt, dlt and a plain script",
        (
            Aim("members wrong, service", "members wrong in all six, of the service", 0),
            *(
                Aim(f"{one}, x peer", f"x the quickest correct peer, {one} (0: none is correct)", 1)
                for one in SCENARIOS
            ),
        ),
        measure,
    ),
)


def main() -> int:
    """Play one round, and print each outcome."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nightly")
    parser.add_argument("--scale", type=float, default=1.0)
    found: Found = {}
    with playing(parser.parse_args().scale) as play:
        for scenario, name, outcome in play(0):
            print(f"{name:8} {scenario:16} {outcome}", flush=True)
            found[scenario, name] = outcome
    for scenario in SCENARIOS:
        print(f"{scenario}   ({ratio(found, scenario):.2f} x the quickest correct peer)")
        for (key, name), one in found.items():
            if key == scenario:
                print(f"  {name:8} {one}")
    return 0


if __name__ == "__main__":
    # The service ends with this program, also when it is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
