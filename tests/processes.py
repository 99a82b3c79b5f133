"""What the tests ask the system about child processes of the service."""

from __future__ import annotations

from pathlib import Path

from app.processes import children


def running_children() -> set[int]:
    """Return the children of this process's template; empty if it has none."""
    process = children._TEMPLATE._process
    if process is None:
        return set()
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return set(map(int, listed.split()))
