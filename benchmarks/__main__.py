"""All benchmarks in one run, as a table: ``make bench``. One row alone: ``python -m benchmarks S5``.

Compare the ratios; seconds depend on the machine. ``--json FILE`` writes the figures, ``--scale 0.1`` makes the work a
tenth as large for a first look (its figures are not those of the aims), ``--list`` only lists the rows. The exit code
is 1 if a row could not be measured; an aim that is missed is shown, but is no failure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
import traceback
from pathlib import Path

from benchmarks.catalogue import ROWS
from benchmarks.rows import Row, Seen, command, spread


def measured(row: Row, repeats: int, scale: float) -> Seen:
    """Run one row. A row that cannot be measured does not stop the others."""
    begun = time.perf_counter()
    try:
        figures = row.measure(repeats, scale)
    except Exception as fault:  # noqa: BLE001 - the other rows are still measured
        traceback.print_exc()
        return Seen(row, seconds=time.perf_counter() - begun, fault=f"{fault!r}"[:300])
    return Seen(row, figures, time.perf_counter() - begun)


def show(seen: Seen) -> None:
    """Print a row: its aims with what was seen, and its other figures."""
    row = seen.row
    print(f"{row.name:4} {row.what}   ({seen.seconds:.0f} s; {command(row.name)})")
    if seen.fault:
        print(f"     not measured: {seen.fault}")
    for aim in row.aims:
        if values := seen.figures.get(aim.figure):
            print(f"     {'kept  ' if seen.kept(aim) else 'missed'}  {_spread(values)}  aim {aim}")
    aims = {aim.figure for aim in row.aims}
    for name, values in seen.figures.items():
        if name not in aims:
            print(f"             {_spread(values)}  {name}")
    sys.stdout.flush()


def _spread(values: list[float]) -> str:
    found = spread(values)
    return f"{found['median']:>9} ({found['least']} to {found['most']}, {found['repeats']})"


def main() -> int:
    """Measure the rows that were asked for. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help="for example S5; all if none is named"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    names = {row.name for row in ROWS}
    if unknown := set(options.rows) - names:
        parser.error(
            f"there is no row {', '.join(sorted(unknown))}; rows: {', '.join(sorted(names))}"
        )
    chosen = [row for row in ROWS if not options.rows or row.name in options.rows]
    if options.list:
        for row in chosen:
            print(f"{row.name:4} {row.what}: {'; '.join(map(str, row.aims))}")
        return 0
    machine = {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "scale": options.scale,
    }
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    found = []
    for row in chosen:
        found.append(measured(row, options.repeats, options.scale))
        show(found[-1])
        if options.json:
            document = {"machine": machine, "rows": [seen.as_json() for seen in found]}
            options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 1 if any(seen.fault for seen in found) else 0


if __name__ == "__main__":
    # Services that a row started end with it, also when the run is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
