"""What all connections to the engine have in common."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

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


#: Makes many calls, and prints by how many bytes for each of them the memory grew that is in use (glibc only).
_CALLS = """
import asyncio, ctypes, sys
from pathlib import Path
from app.snapshots.engine.engine import RENEWED_AFTER, Engine

NAMES = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()

class Usage(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in NAMES]

usage = ctypes.CDLL(None).mallinfo2
usage.restype = Usage

def join(cursor):
    cursor.execute("SELECT count(*) FROM " + " JOIN ".join([first, *others]))

TABLES = [f"(SELECT i, i % {n + 2} AS j{n} FROM range(3000) AS t(i)) AS t{n}" for n in range(6)]
first, *others = [TABLES[0], *(f"{table} USING (i)" for table in TABLES[1:])]

async def main():
    engine = Engine("200MB", 1, Path(sys.argv[1]) / "scratch")
    used = []
    for _ in range(3):
        for _ in range(RENEWED_AFTER):
            await engine.run(join)
        used.append(usage().uordblks)
    print((used[2] - used[0]) / (2 * RENEWED_AFTER))
    engine.close()

asyncio.run(main())
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc says what is in use"
)
@pytest.mark.walk
def test_calls_leave_nothing_in_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _CALLS, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) < 2000  # if the instance is never opened anew: more than 10,000


@pytest.mark.walk
def test_a_file_that_was_read_leaves_nothing_in_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) < 500  # with an entry for each path: more than 1,000
