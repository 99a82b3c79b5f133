"""The engine alone: from an uploaded file of ids to a plan, with the time and memory of each step.

``python -m benchmarks.plan [--members 1000000] [--traits] [--churn 0.01] [--ten-million]``
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from app.domain.batch_states import BatchEnd
from app.domain.changes import ChangeKind, Mode
from app.snapshots.engine import (
    BatchOutcome,
    Cursor,
    LocalManifest,
    PlanSpec,
    PlanStats,
    TooMuchMemory,
    Upload,
)
from app.snapshots.engine.connections import connect, usual_memory
from app.snapshots.holdings import compact_holdings, fold_outcome
from app.snapshots.membership import compare_members, write_snapshot
from app.snapshots.plans import read_plan, write_plan

T = TypeVar("T")
_FILLER = "x" * 150
_STEP = 1_000_003  # a prime: the rows of a file are in another order than those of the other


class Meter:
    """Runs each step on a new cursor and prints its time and memory.

    As in the service, a step gets the usual part of the memory, and all of it if that is too little, or if it reads long rows.
    """

    def __init__(self, connection: Cursor, memory: str) -> None:
        self._connection = connection
        self._memory = memory
        self.seconds: dict[str, float] = {}

    def step(
        self,
        name: str,
        function: Callable[..., T],
        *args: Any,
        all_memory: bool = False,
        **named: Any,
    ) -> T:
        """Run one step, print its time and peak memory, and return its result."""
        _reset_peak()
        begun, worked = time.perf_counter(), time.process_time()
        more = ""
        memory = self._memory if all_memory else usual_memory(self._memory)
        try:
            result = self._call(memory, function, *args, **named)
        except (duckdb.OutOfMemoryException, TooMuchMemory):
            more = ", in a second attempt with all of the memory"
            result = self._call(self._memory, function, *args, **named)
        self.seconds[name] = time.perf_counter() - begun
        print(
            f"{name:<34} {self.seconds[name]:8.2f} s {time.process_time() - worked:8.2f} s of work "
            f"{_peak():6.0f} MiB at most{more}",
            flush=True,
        )
        return result

    def _call(self, memory: str, function: Callable[..., T], *args: Any, **named: Any) -> T:
        with self._connection.cursor() as cursor:
            cursor.execute(f"SET GLOBAL memory_limit = '{memory}'")
            return function(cursor, *args, **named)


def _reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # another system: the peak since the start is shown
        return


def _peak() -> float:
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_members(path: Path, first: int, members: int, *, step: int = 1, traits: bool) -> None:
    """Write a CSV file of as many ids from ``first`` on, each ``step`` after the one before, round and round; or with 200 bytes of traits."""
    number = f"CAST({first} + (i * {step}) % {members} AS VARCHAR)"
    columns = "CAST(md5(n) AS UUID) AS profile_id"
    if traits:
        age = "CAST(md5_number_lower(n) % 65536 AS BIGINT)"
        columns += f""", left(md5(n), 8) || '@example.com' AS email, {age} % 90 AS age, ({age} % 977) || '.25' AS score,
            '19' || ({age} % 90 + 10) || '-01-31' AS born, '{_FILLER}' AS note"""
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {columns} FROM (SELECT {number} AS n FROM range({members}) AS each(i))) TO '{path}' (HEADER)"
        )


def measure(members: int, churn: float, traits: bool, memory: str, folder: Path) -> float:
    """Run a first sync and one with churn. Returns the seconds from the second upload until its plan is ready."""
    moved = int(members * churn)
    # In a process of its own, whose memory does not count.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        other.submit(write_members, folder / "old.csv", 0, members, traits=traits).result()
        other.submit(
            write_members, folder / "new.csv", moved, members, step=_STEP, traits=traits
        ).result()
    with connect(memory, 2, folder / "engine") as connection:
        return _measured(Meter(connection, memory), folder, traits)


def _spec(number: int, traits: bool) -> PlanSpec:
    return PlanSpec(
        key="member",
        mode=Mode.MAINTAIN,
        sends=frozenset(ChangeKind),
        traits=None if traits else (),
        sync_number=number,
        max_rows=1000,
    )


def _settled(stats: PlanStats) -> list[BatchOutcome]:
    return [
        BatchOutcome(number, cut.first_row, cut.rows, BatchEnd.RECORDED)
        for number, cut in enumerate(stats.cuts, 1)
    ]


def _measured(meter: Meter, folder: Path, traits: bool) -> float:
    old, new = LocalManifest((folder / "old.parquet",)), LocalManifest((folder / "new.parquet",))
    none = LocalManifest()
    first, second = _spec(1, traits), _spec(2, traits)
    plans, outcomes = (
        [folder / f"plan{n}.parquet" for n in (1, 2)],
        [folder / f"outcome{n}.parquet" for n in (1, 2)],
    )
    upload = [Upload(folder / name, "csv") for name in ("old.csv", "new.csv")]
    meter.step(
        "first snapshot", write_snapshot, upload[0], old.base[0], linked=False, all_memory=traits
    )
    stats = meter.step("first plan (all enter)", write_plan, first, [old], none, plans[0])
    meter.step("read 100,000 changes", lambda _: read_plan(None, plans[0], 0, 100_000))
    meter.step("first fold", fold_outcome, plans[0], none, _settled(stats), first, outcomes[0])
    held = LocalManifest((outcomes[0],))
    meter.step("snapshot", write_snapshot, upload[1], new.base[0], linked=False, all_memory=traits)
    meter.step("compare", compare_members, old, new)
    stats = meter.step("plan (churn)", write_plan, second, [new], held, plans[1])
    meter.step("fold (churn)", fold_outcome, plans[1], held, _settled(stats), second, outcomes[1])
    held = LocalManifest(held.base, (outcomes[1],))
    nothing = meter.step(
        "plan (nothing changed)", write_plan, second, [new], held, folder / "plan3.parquet"
    )
    assert nothing.changes == 0, "the second plan was not folded correctly"
    meter.step("compact holdings", compact_holdings, held, folder / "holdings.parquet")
    until = sum(meter.seconds[name] for name in ("snapshot", "compare", "plan (churn)"))
    print(
        f"{'upload until the plan is ready':<34} {until:8.2f} s   ({stats.entered:,} enter, {stats.exited:,} exit)"
    )
    return until


def main() -> None:
    """Measure one size, or also ten times that size, with the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--churn", type=float, default=0.01)
    parser.add_argument("--memory", default="400MB", help="the engine's")
    parser.add_argument(
        "--traits", action="store_true", help="members with 200 bytes of traits each"
    )
    parser.add_argument(
        "--ten-million", action="store_true", help="measure ten times as many members as well"
    )
    asked = parser.parse_args()
    sizes = [asked.members, asked.members * 10] if asked.ten_million else [asked.members]
    taken = []
    for members in sizes:
        print(
            f"\n{members:,} members, {asked.churn:.0%} churn{', with traits' if asked.traits else ''}"
        )
        with tempfile.TemporaryDirectory() as folder:
            taken.append(measure(members, asked.churn, asked.traits, asked.memory, Path(folder)))
    if len(taken) == 2:
        print(f"\nten times as many members take {taken[1] / taken[0]:.1f} times as long")


if __name__ == "__main__":
    main()
