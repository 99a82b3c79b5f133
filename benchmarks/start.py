"""`activations up` until it is ready, on a new folder and then on the same folder again (row S11)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rows import Aim, Figures, Row, turns

#: What the packages that the API cannot do without need to be imported: the peer of a start.
IMPORTS = "import fastapi, uvicorn, sqlalchemy.ext.asyncio, asyncpg, arq, httpx, pydantic_settings, duckdb, pyarrow"


def _start(folder: Path) -> float:
    """Start, wait until the service prints its address, and stop. Returns the seconds until then."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "up", "--data", str(folder / "data"), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "ACTIVATIONS_LOG_LEVEL": "warning"},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the service ended instead of starting")
        return time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(60)


def _import() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.perf_counter() - begun


def measure(repeats: int, scale: float) -> Figures:
    """Measure both starts, and the import of the packages alone, in turn."""
    del scale
    found: Figures = {"new folder s": [], "existing folder s": [], "imports alone s": []}
    for turn in turns(repeats + 1):
        with tempfile.TemporaryDirectory(prefix="activations-bench-") as name:
            folder = Path(name)
            folder.chmod(0o711)
            values = _start(folder), _start(folder), _import()
        if turn:  # the first fills the caches
            for name, value in zip(found, values, strict=True):
                found[name].append(value)
    return found


ROWS = (
    Row(
        "S11",
        "activations up until ready",
        (
            Aim("new folder s", "s, new folder", 3),
            Aim("existing folder s", "s, existing folder", 1.5),
        ),
        measure,
    ),
)
