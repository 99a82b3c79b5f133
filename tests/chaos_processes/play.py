"""One chaos run: start, load with faults, quiet, verdict."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.chaos_processes.client import Refused
from tests.chaos_processes.faults import FAULTS, Hit, Unavailable
from tests.chaos_processes.fleet import adopt_orphans, descendants
from tests.chaos_processes.limits import SETTLE, SETTLE_OF
from tests.chaos_processes.schedule import Planned, schedule
from tests.chaos_processes.verdict import (
    Verdict,
    judge_ends,
    judge_members,
    judge_quiet,
    judge_record,
    judge_workers,
)
from tests.chaos_processes.workload import audiences, keep_changing, prepare
from tests.chaos_processes.world import World, running

REFUSED = "calls that were refused"


@dataclass(frozen=True)
class Plan:
    """What to run, and where its report and its logs go."""

    seed: int
    seconds: float
    folder: Path
    mutant: str | None = None  # whose schedule is followed
    planted: bool = True  # whether its fault is in the service, too

    @property
    def report(self) -> Path:
        return self.folder / f"seed-{self.seed}.json"

    @property
    def logs(self) -> Path:
        return self.folder / f"seed-{self.seed}-logs"


async def play(plan: Plan) -> dict[str, Any]:
    """Carry out a run; returns its report, which is also written. The logs of a green run are removed."""
    adopt_orphans()
    shutil.rmtree(plan.logs, ignore_errors=True)
    plan.logs.mkdir(parents=True)
    before = descendants().keys()
    verdict, began = Verdict(), time.monotonic()
    faults: list[dict[str, Any]] = []
    mutant, settle = plan.mutant if plan.planted else None, SETTLE_OF.get(plan.mutant or "", SETTLE)
    async with running(plan.logs, plan.seed, mutant, settle) as world:
        try:
            await _carry_out(world, plan, verdict, faults, set(before), began)
        except* Refused as refused:
            verdict.add(REFUSED, [str(one) for one in refused.exceptions])
            await judge_record(world, verdict)  # it may say why
        finally:
            shutil.copy(world.servers.log, plan.logs / "servers.log")
    report = {
        "seed": plan.seed,
        "seconds": plan.seconds,
        "mutant": plan.mutant,
        "planted": plan.planted,
        "verdict": verdict.word,
        **asdict(verdict),
        "faults": faults,
        "took": round(time.monotonic() - began, 1),
    }
    plan.report.write_text(json.dumps(report, indent=1))
    if verdict.word == "green":
        shutil.rmtree(plan.logs)
    return report


async def _carry_out(
    world: World,
    plan: Plan,
    verdict: Verdict,
    faults: list[dict[str, Any]],
    before: set[int],
    began: float,
) -> None:
    made = audiences(world.client, plan.seed)
    verdict.figures["ready"] = round(time.monotonic() - began, 1)
    await prepare(made, world.receiver.url)
    for audience in made:
        await audience.change()
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as load:
        for audience in made:
            load.create_task(keep_changing(audience, ended))
        async with asyncio.TaskGroup() as harm:
            for planned in schedule(plan.seed, plan.seconds, plan.mutant):
                harm.create_task(_harm(world, planned, faults))
            await asyncio.sleep(plan.seconds)
        ended.set()
    verdict.empty += [
        f"{one['kind']} met no work in flight" for one in faults if one["met"] is False
    ]
    verdict.figures["loaded"] = round(time.monotonic() - began, 1)
    await world.receiver.calm()
    await judge_quiet(world, verdict)
    await judge_members(world, made, verdict)
    await judge_record(world, verdict)
    verdict.figures["changes"] = {one.name: one.changes for one in made}
    verdict.figures["answers"] = world.client.asked
    if plan.mutant and plan.planted and verdict.findings:
        return  # it is found
    if "stuck" not in verdict.findings:
        await judge_workers(world, made, verdict)

    def known() -> set[int]:
        servers = world.servers
        named = {servers.postgres.pid, servers.redis.pid, world.receiver.process.pid}
        return before | named | _below(servers.postgres.pid)

    await judge_ends(world, verdict, known)


async def _harm(world: World, planned: Planned, faults: list[dict[str, Any]]) -> None:
    await asyncio.sleep(planned.at)
    begun = time.monotonic()
    line: dict[str, Any] = {"kind": planned.kind, "at": round(planned.at, 1)}
    faults.append(line)
    try:
        hit: Hit = await FAULTS[planned.kind](world, random.Random(planned.seed))
    except Unavailable as reason:
        line |= {"met": None, "detail": f"skipped: {reason}"}
    else:
        line |= {"met": hit.met, "detail": hit.detail}
    line["took"] = round(time.monotonic() - begun, 1)


def _below(pid: int) -> set[int]:
    """Return the children of a process."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found |= set(map(int, children.read_text().split()))
    return found
