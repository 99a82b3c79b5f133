"""Programs of others, in an environment of their own, so that their requirements and ours do not meet.

``make bench`` creates ``.venv-peers`` from ``benchmarks/peers/requirements.lock``. The programs of this folder run there; they import
nothing of the service, and print one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PYTHON = FOLDER.parent.parent / ".venv-peers" / "bin" / "python"


def check_installed() -> None:
    """Raise RuntimeError if the programs have no environment."""
    if not PYTHON.exists():
        raise RuntimeError("the peers are not installed: run make peers")


def run_peer(program: str, *arguments: object, timeout: float = 900) -> Any:
    """Run one of the programs. Returns what its last line holds; raises RuntimeError if it fails or is not installed."""
    check_installed()
    done = subprocess.run(
        [str(PYTHON), str(FOLDER / f"{program}.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
