"""What all connections to the engine have in common."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: Reads many files, each once, and prints by how many bytes the process grew for each.
_PROGRAM = """
import os, sys
from pathlib import Path
from app.snapshots.engine.connections import connect

folder, count = Path(sys.argv[1]), 3_000
cursor = connect("200MB", 1, folder / "scratch", [folder])
first = folder / "first.parquet"
cursor.execute(f"COPY (SELECT i FROM range(10) t(i)) TO '{first}'")

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) * 1024

def read(number):
    path = folder / f"{'a long name ' * 15}{number}.parquet"
    os.link(first, path)
    cursor.execute(f"SELECT count(*) FROM '{path}'").fetchall()
    path.unlink()

for number in range(count):
    read(number)
before = resident()
for number in range(count, 2 * count):
    read(number)
print((resident() - before) / count)
"""


def test_a_file_that_was_read_leaves_nothing_in_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) < 500  # with an entry for each path: more than 1,000
