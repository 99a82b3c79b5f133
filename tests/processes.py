"""What the tests ask the system about processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.processes import children
from app.processes.spares import SPARES


def without_spares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no child ahead until the test ends, and end those that wait: a test that counts children wants those with a job."""
    while SPARES._starting:
        time.sleep(0.01)
    monkeypatch.setattr(SPARES, "refill", lambda job: None)
    SPARES.end()


def running_children() -> set[int]:
    """Return the children of this process's template; empty if it has none."""
    process = children._TEMPLATE._process
    if process is None:
        return set()
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return set(map(int, listed.split()))


def is_running(pid: int) -> bool:
    """Return whether a process runs. One that has ended and that nobody has waited for does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(*pids: int) -> set[int]:
    """Return the ids of all descendants of processes."""
    below: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        parent = int(text.partition("\nPPid:\t")[2].partition("\n")[0])
        below.setdefault(parent, []).append(int(status.parent.name))
    found: set[int] = set()
    left = list(pids)
    while left:
        children = below.get(left.pop(), [])
        found.update(children)
        left.extend(children)
    return found


def naming(folder: Path) -> set[int]:
    """Return the ids of all processes whose command line names a folder."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(folder) in path.read_bytes():
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found
