"""The verdict on a chaos run: what is wrong, and whether the run was empty."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.chaos_processes.fleet import Slot, descendants
from tests.chaos_processes.limits import ALIVE, QUIET, STILL
from tests.chaos_processes.workload import Audience
from tests.chaos_processes.world import World, until

#: Log events of a worker that only a finished job writes.
WORK = ("run_complete", "sync_planned", "batch_delivered")
SAMPLES = 5


@dataclass
class Verdict:
    """What a run has shown. ``findings``: what is wrong, by kind; ``empty``: why the run shows nothing."""

    findings: dict[str, list[str]] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, kind: str, found: Sequence[str]) -> None:
        if found:
            self.findings.setdefault(kind, []).extend([*found[:SAMPLES], f"{len(found)} in all"])

    @property
    def word(self) -> str:
        return "red" if self.findings else "empty" if self.empty else "green"


async def judge_quiet(world: World, verdict: Verdict) -> None:
    """Wait until no work is left. What is left after a time in which nothing has moved is stuck."""
    loop = asyncio.get_running_loop()
    begun = moved = loop.time()
    seen: Any = None
    while True:
        state, left = await world.receiver.state(), await world.observer.left()
        if not left and not state["late"]:
            break
        now = loop.time()
        if (current := (sorted(left), state["counts"])) != seen:
            seen, moved = current, now
        if now > min(moved + STILL, begun + QUIET):
            verdict.add("stuck", left)
            break
        await asyncio.sleep(0.5)
    verdict.figures["quiet"] = round(loop.time() - begun, 1)


async def judge_members(world: World, made: Sequence[Audience], verdict: Verdict) -> None:
    """Compare the receiver's lists with the truth; nothing was sent again before."""
    state = await world.receiver.state()
    compared = 0
    for audience in made:
        for activation in audience.activations:
            received = (state["lists"].get(activation.path) or {"members": {}})["members"]
            compared += len(audience.members)
            verdict.add(f"wrong members of {activation.path}", _wrong(audience.members, received))
    counts = state["counts"]
    verdict.figures |= {"compared": compared, "received": counts}
    if counts.get("inversions"):
        verdict.add("inversions", [str(one) for one in state["inversions"]])
    if counts.get("changed_repeats"):
        verdict.add("changed repeats", [str(counts["changed_repeats"])])
    if not counts.get("repeats"):
        verdict.empty.append("no message was repeated")
    if not counts.get("turned"):
        verdict.empty.append("no key that a late message carried was changed by a later sync")


def _wrong(truth: dict[str, str], received: dict[str, list[Any]]) -> list[str]:
    wrong = [f"{id} is missing" for id in truth.keys() - received.keys()]
    wrong += [f"{id} is too many (seq {received[id][1]})" for id in received.keys() - truth.keys()]
    wrong += [
        f"{id} is {received[id][0]}, not {truth[id]} (seq {received[id][1]})"
        for id in truth.keys() & received.keys()
        if received[id][0] != truth[id]
    ]
    return sorted(wrong)


async def judge_record(world: World, verdict: Verdict) -> None:
    """What the database and the servers' log say."""
    verdict.add("failed", await world.observer.failed())
    verdict.add("counts", await world.observer.uncounted())
    deadlocks = world.servers.deadlocks()
    if deadlocks:
        verdict.add("deadlocks", [f"{deadlocks} in PostgreSQL's log"])
    takeovers = await world.observer.takeovers()
    verdict.figures |= {"takeovers": takeovers, "syncs": await world.observer.syncs()}
    if not takeovers:
        verdict.empty.append("no work was taken over")


async def judge_workers(world: World, made: Sequence[Audience], verdict: Verdict) -> None:
    """Give work until each worker has done some of it."""
    since = datetime.now(UTC)
    workers = world.fleet.of("worker")

    async def all_work() -> bool:
        for audience in made:
            await audience.change()
        await asyncio.sleep(1)
        return all(_has_worked(slot, since) for slot in workers)

    if not await until(all_work, ALIVE):
        idle = [slot.name for slot in workers if not _has_worked(slot, since)]
        verdict.add("workers that are alive and do not work", idle)
    ends = [f"{slot.name} ended with {code}" for slot in world.fleet.slots for code in slot.ends]
    verdict.figures["ends"] = ends


def _has_worked(slot: Slot, since: datetime) -> bool:
    def is_work(line: str) -> bool:
        try:
            event = json.loads(line)
            return event["event"] in WORK and datetime.fromisoformat(event["timestamp"]) > since
        except (ValueError, KeyError, TypeError):
            return False

    return any(map(is_work, reversed(slot.log.read_text(errors="replace").splitlines()[-400:])))


async def judge_ends(world: World, verdict: Verdict, known: Callable[[], set[int]]) -> None:
    """End the service in order, and look for processes that it leaves."""
    late = await world.fleet.stop()
    verdict.add("processes that do not end by SIGTERM", late)

    async def none_left() -> bool:
        return not descendants().keys() - known()

    if not await until(none_left, 10):
        left = descendants()
        orphans = [f"{pid} {left[pid]}" for pid in left.keys() - known()]
        verdict.add("orphans", orphans)
