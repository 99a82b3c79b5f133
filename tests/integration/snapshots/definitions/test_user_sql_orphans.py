"""The child process of a definition ends with its worker, even if that is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(60)

PARENT = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from app.snapshots.definitions.user_sql import run_definition
sql = "SELECT sum(a.range * b.range)::VARCHAR AS profile_id FROM range(10000000) a, range(10000000) b"
asyncio.run(run_definition(sql, {}, datetime.now(UTC), Path(sys.argv[1]), memory_bytes=4 << 30, timeout=timedelta(minutes=5)))
"""


def children_of(pid: int) -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.add(int(stat.parent.name))
        except OSError:
            continue
    return found


def grandchildren_of(pid: int) -> set[int]:
    """Return the children of the template of a process."""
    return {child for template in children_of(pid) for child in children_of(template)}


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.walk
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_query_ends_with_a_killed_worker(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "out")], cwd=Path(__file__).parents[4]
    )
    deadline = time.monotonic() + 30
    while not (children := grandchildren_of(parent.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    (child,) = children
    while (
        processor_seconds(child) < 2 and time.monotonic() < deadline
    ):  # in the middle of its query
        assert parent.poll() is None
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while is_running(child):
        assert time.monotonic() < deadline, "the query outlived its worker"
        time.sleep(0.02)
