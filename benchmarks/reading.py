"""Processor time of reading an upload and writing its snapshot, compared with another commit of this repository.

``python -m benchmarks.reading COMMIT [--members 1000000] [--pairs 5]``. The file has ids, e-mail addresses and E.164 phone
numbers. Both versions read it in turn, so that other load on the machine affects both.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.working_tree import ROOT, working_tree

#: Runs in a working tree of either version, so it uses only what both have.
_CHILD = """
import os, sys
class WithoutPandas:  # only tests install it, and the Arrow library imports it where it is
    def find_spec(self, name, *_):
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, WithoutPandas())
from pathlib import Path
try:
    from app.snapshots.engine.connections import connect
except ImportError:
    from app.snapshots.engine.engine import connect
from app.snapshots.engine import Upload
from app.snapshots.membership import write_snapshot
csv, scratch = Path(sys.argv[1]), Path(sys.argv[2])
connection = connect("1GB", 2, scratch, [csv.parent])
before = os.times()
write_snapshot(connection.cursor(), Upload(csv, "csv"), scratch / "out.parquet", linked=False)
print(sum(after - begun for after, begun in zip(os.times()[:4], before)))
"""


def write_csv(path: Path, members: int) -> None:
    """Write a CSV file of members in random order: id, address and phone number."""
    chance = random.Random(1)
    numbers = list(range(members))
    chance.shuffle(numbers)
    with path.open("w") as file:
        file.write("profile_id,email,phone\n")
        file.writelines(
            f"user-{number:09},First.Last{number}@example.com,+1415{2_000_000 + number % 7_999_999:07}\n"
            for number in numbers
        )


def measure(tree: Path, csv: Path) -> float:
    """Return the seconds of processor time that the version in a working tree needs."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-c", _CHILD, str(csv), scratch]
        environment = os.environ | {"PYTHONPATH": str(tree)}
        done = subprocess.run(
            command, cwd=tree, env=environment, check=True, capture_output=True, text=True
        )
    return float(done.stdout)


def main(commit: str, members: int = 1_000_000, pairs: int = 5) -> float:
    """Measure both versions in turn and print the medians. Returns the ratio of this version to the other."""
    ours, theirs = [], []
    with working_tree(commit) as tree, tempfile.TemporaryDirectory() as folder:
        csv = Path(folder) / "members.csv"
        write_csv(csv, members)
        for _ in range(pairs):
            theirs.append(measure(tree, csv))
            ours.append(measure(ROOT, csv))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"reading {members:,} members with address and number, {pairs} pairs (aim: 1.3 x)")
    print(f"  {commit:<26} {statistics.median(theirs):7.2f} s of processor time")
    print(f"  this version               {statistics.median(ours):7.2f} s   {ratio:.2f} x")
    return ratio


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=5)
    main(**vars(parser.parse_args()))
