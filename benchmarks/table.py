"""The table of docs/performance.md from the figures of a run: ``python -m benchmarks.table FILE.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def lines(document: dict[str, Any]) -> list[str]:
    """Return the lines of a Markdown table, one for each aim: row, what, aim, seen, whether it is kept."""
    found = [
        "| row | what | aim | seen: median (least to most, repeats) | kept |",
        "|---|---|---|---|---|",
    ]
    for row in document["rows"]:
        for aim in row["aims"]:
            figure = row["figures"].get(aim["figure"])
            seen = (
                f"{figure['median']:.3g} ({figure['least']:.3g} to {figure['most']:.3g}, {figure['repeats']})"
                if figure
                else "not measured"
            )
            kept = "yes" if aim["kept"] else "no"
            found.append(f"| {row['row']} | {row['what']} | {aim['aim']} | {seen} | {kept} |")
    return found


if __name__ == "__main__":
    print("\n".join(lines(json.loads(Path(sys.argv[1]).read_text()))))
