"""Scratch folders: what killed processes left behind goes, and what a live process uses stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.services.platform.scratch import Scratch

NOBODY = 4_194_305  # more than the largest process id of Linux
HOLD = """
import sys
from pathlib import Path
from app.services.platform.scratch import Scratch
print(Scratch(Path(sys.argv[1])).path, flush=True)
sys.stdin.read()
"""


def named_after(folder: Path, pid: int) -> Path:
    """Rename a scratch folder, and its lock, as if a process with another id had made it."""
    new = folder.with_name(folder.name.replace(str(os.getpid()), str(pid), 1))
    folder.rename(new)
    folder.with_name(folder.name + ".lock").rename(new.with_name(new.name + ".lock"))
    return new


def test_a_folder_is_there_until_it_is_closed(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    (scratch.path / "file").write_bytes(b"x")
    scratch.close()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_process_of_another_container_keeps_its_folder(tmp_path: Path) -> None:
    """Two containers share the folder, and neither sees the other's processes."""
    live = Scratch(tmp_path)
    live_path = named_after(live.path, NOBODY)
    Scratch(tmp_path).close()
    assert live_path.is_dir()


@pytest.mark.walk
def test_a_killed_process_leaves_nothing_although_its_id_is_in_use_again(tmp_path: Path) -> None:
    """A container that was killed starts again: its process has the id that it had before."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    killed = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert killed.stdin is not None
    assert killed.stdout is not None
    left = Path(killed.stdout.readline().strip())
    (left / "members.parquet").write_bytes(b"x" * 1000)
    killed.kill()
    killed.wait()
    killed.stdin.close()
    killed.stdout.close()
    mine = left.with_name(f"{os.getpid()}-{left.name.partition('-')[2]}")
    left.rename(mine)
    left.with_name(left.name + ".lock").rename(mine.with_name(mine.name + ".lock"))
    opened = Scratch(tmp_path)
    assert not mine.exists()
    opened.close()


@pytest.mark.parametrize(("age", "stays"), [(3_600, True), (90_000, False)])
def test_what_an_earlier_version_left_goes_after_a_day(
    tmp_path: Path, age: int, stays: bool
) -> None:
    left = [tmp_path / "scratch" / f"{NOBODY}-p_1", tmp_path / "export-abc"]
    for folder in left:
        folder.mkdir(parents=True)
        (folder / "members.csv").write_bytes(b"x")
        os.utime(folder, (time.time() - age, time.time() - age))
    Scratch(tmp_path).close()
    assert [folder.exists() for folder in left] == [stays, stays]
