"""The command: ``python -m tests.chaos_processes``. Seeds that have a report are not run again."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.chaos_processes.limits import RECOVERY
from tests.chaos_processes.mutants import MUTANTS
from tests.chaos_processes.play import Plan, play
from tests.chaos_processes.recovery import measure

MUTANT_SEEDS = 5


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos_processes")
    parser.add_argument("--seeds", type=int, default=3, help="number of runs")
    parser.add_argument("--seconds", type=float, default=60, help="load of each run")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument(
        "--folder", type=Path, help="for reports and logs; a run with a report is skipped"
    )
    parser.add_argument(
        "--mutant", choices=[*MUTANTS, "all"], help="plant a fault, which must be found"
    )
    parser.add_argument(
        "--unplanted",
        action="store_true",
        help="with --mutant: the same runs without the fault, which must be green",
    )
    parser.add_argument(
        "--recovery",
        type=int,
        metavar="KILLS",
        help="only measure the silence after kills of a worker",
    )
    return parser.parse_args()


def run(plan: Plan) -> dict[str, Any]:
    """Run one seed, or read its report."""
    if plan.report.exists():
        report: dict[str, Any] = json.loads(plan.report.read_text())
        return report
    return asyncio.run(_ended_in_order(plan))


async def _ended_in_order(plan: Plan) -> dict[str, Any]:
    """Play; SIGTERM ends everything that was started, as Ctrl-C does."""
    task = asyncio.create_task(play(plan))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def say(report: dict[str, Any], plan: Plan) -> None:
    """Print one line, and what is wrong."""
    figures = report["figures"]
    received = figures.get("received", {})
    print(
        f"seed {report['seed']}: {report['verdict']}, {len(report['faults'])} faults, {received.get('changes', 0)} changes, "
        f"{figures.get('compared', 0)} members compared, {figures.get('takeovers', 0)} takeovers, "
        f"{received.get('repeats', 0)} repeats, quiet after {figures.get('quiet')} s, took {report['took']} s",
        flush=True,
    )
    for kind, found in report["findings"].items():
        print(f"  {kind}: {'; '.join(found)}")
    for reason in report["empty"]:
        print(f"  empty: {reason}")
    if report["verdict"] != "green":
        print(f"  logs: {plan.logs}", flush=True)


def find_mutant(name: str, given: argparse.Namespace, folder: Path) -> bool:
    """Run seeds until one is red for the mutant's own reason; at most five."""
    for seed in range(given.first, given.first + MUTANT_SEEDS):
        plan = Plan(seed, given.seconds, folder / name, name)
        report = run(plan)
        print(f"mutant {name}, ", end="")
        say(report, plan)
        if any(kind.startswith(MUTANTS[name].shown_by) for kind in report["findings"]):
            return True
    print(f"mutant {name} was not found in {MUTANT_SEEDS} seeds", flush=True)
    return False


def all_green(plans: list[Plan], given: argparse.Namespace) -> int:
    """Run the seeds of some plans. Returns 0 if all are green."""
    words = []
    for plan in plans:
        for seed in range(given.first, given.first + given.seeds):
            one = replace(plan, seed=seed)
            report = run(one)
            say(report, one)
            words.append(report["verdict"])
    print(f"{words.count('green')} of {len(words)} green", flush=True)
    return int(set(words) != {"green"})


def recover(kills: int, folder: Path) -> int:
    """Measure the recovery after kills. Returns 0 if each was within the limit."""
    measured = asyncio.run(measure(folder, kills))
    within = sum(seconds <= RECOVERY for seconds in measured)
    print(
        f"{within} of {kills} kills within {RECOVERY:g} s; median {statistics.median(measured):.1f} s, "
        f"longest {max(measured):.1f} s",
        flush=True,
    )
    return int(within < kills)


def main() -> int:
    """Run the seeds. Returns 0 if all are green, or each mutant was found."""
    given = arguments()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="activations-chaos-"))
    print(f"reports in {folder}", flush=True)
    if given.recovery:
        return recover(given.recovery, folder)
    if given.mutant:
        names = list(MUTANTS) if given.mutant == "all" else [given.mutant]
        if given.unplanted:
            plans = [
                Plan(0, given.seconds, folder / f"{name}-unplanted", name, planted=False)
                for name in names
            ]
            return all_green(plans, given)
        found = [find_mutant(name, given, folder) for name in names]
        return int(not all(found))
    return all_green([Plan(0, given.seconds, folder)], given)


if __name__ == "__main__":
    sys.exit(main())
