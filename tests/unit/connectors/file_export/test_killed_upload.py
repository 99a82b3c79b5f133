"""SIGKILL during an upload: readers never see an incomplete file under its name."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.connectors.base import ConnectorTools
from tests.unit.connectors.file_export.test_stores import (
    content,
    gcs_url,
    names,
    s3_url,
    store,
    target,
    tools,
)

__all__ = ["gcs_url", "s3_url", "store", "tools"]

SIZE = 64 * 1024 * 1024

# Uploads slowly and says when it is half way; the parent kills it there.
CHILD = """
import asyncio, sys, time
from pathlib import Path
from app.connectors.destinations.file_export import parts
from tests.unit.connectors.create import create_tools
from tests.unit.connectors.file_export.test_stores import target
kind, url, path = sys.argv[1:]
read, seen = parts._read, []

def slowly(path, start, size):
    seen.append(size)
    if sum(seen) >= 24 * 1024 * 1024:
        print("half", flush=True)
        time.sleep(60)
    return read(path, start, size)

parts._read = slowly

async def upload():
    async with create_tools() as tools:
        await target((kind, url), tools, "killed/").publish("file.csv", Path(path))

asyncio.run(upload())
"""


@pytest.mark.walk
def test_leaves_nothing_under_the_files_name(store: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(b"0123456789abcdef" * (SIZE // 16))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *store, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "half\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    time.sleep(0.2)
    assert "killed/file.csv" not in names(store, "exports/killed")


async def test_the_next_try_writes_it_whole(
    store: tuple[str, str], tools: ConnectorTools, tmp_path: Path
) -> None:
    path = tmp_path / "again"
    path.write_bytes(b"0123456789abcdef" * 1000)
    await target(store, tools, "killed/").publish("file.csv", path)
    assert content(store, "killed/file.csv") == path.read_bytes()
    assert names(store, "exports/killed") == ["killed/file.csv"]
