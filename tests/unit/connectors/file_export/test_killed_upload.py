"""SIGKILL during an upload: readers never see an incomplete file under its name."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

from app.connectors.destinations.file_export.targets import StoreTarget
from tests.unit.connectors.file_export.test_stores import (
    content,
    file_system,
    gcs_url,
    names,
    s3_url,
    store,
)

__all__ = ["gcs_url", "s3_url", "store"]

SIZE = 64 * 1024 * 1024

# Uploads slowly and says when it is half way; the parent kills it there.
CHILD = """
import asyncio, sys, time
from pathlib import Path
import shutil
from app.connectors.destinations.file_export import targets
from tests.unit.connectors.file_export.test_stores import file_system
kind, url, path = sys.argv[1:]

def slowly(source, stream, size):
    sent = 0
    while block := source.read(size):
        stream.write(block)
        sent += len(block)
        if sent >= 24 * 1024 * 1024:
            print("half", flush=True)
            time.sleep(60)

shutil.copyfileobj = slowly
target = targets.StoreTarget(file_system((kind, url)), "exports", "killed/", "the store")
asyncio.run(target.publish("file.csv", Path(path)))
"""


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


def test_the_next_try_writes_it_whole(store: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "again"
    path.write_bytes(b"0123456789abcdef" * 1000)
    target = StoreTarget(file_system(store), "exports", "killed/", "the store")
    asyncio.run(target.publish("file.csv", path))
    assert content(store, "killed/file.csv") == path.read_bytes()
    assert names(store, "exports/killed") == ["killed/file.csv"]
