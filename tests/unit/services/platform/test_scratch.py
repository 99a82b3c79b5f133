"""Scratch folders, of which a crash leaves some, while those of other processes are in use."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.services.platform.scratch import ScratchFolder

GONE = 2**22 + 7  # no process can have this id


def create(parent: Path) -> ScratchFolder:
    folder = ScratchFolder(parent)
    folder.path.mkdir()
    (folder.path / "spilled").write_text("x")
    return folder


def test_the_folder_of_a_process_in_another_container_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id does not exist here."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "getpid", lambda: GONE)
        other = create(tmp_path)
    create(tmp_path)
    assert (other.path / "spilled").exists()
    other.release()


def test_the_folder_of_a_killed_process_is_removed_whatever_has_its_id_now(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from app.services.platform.scratch import ScratchFolder\n"
        "folder = ScratchFolder(Path(sys.argv[1]))\nfolder.path.mkdir()\n"
        "print(folder.path, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[4]
    command = [sys.executable, "-c", code, str(tmp_path)]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    left = Path(ended.stdout.strip())
    now = left.with_name(left.name.replace(left.name.partition("-")[0], "1", 1))
    left.rename(now)
    left.with_name(f"{left.name}.lock").rename(now.with_name(f"{now.name}.lock"))
    own = create(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([own.path, Path(f"{own.path}.lock")])


def test_a_folder_without_a_lock_is_that_of_an_earlier_version(tmp_path: Path) -> None:
    dead, alive = tmp_path / f"{GONE}-p_1", tmp_path / "1-p_2"
    dead.mkdir()
    alive.mkdir()
    create(tmp_path)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_a_released_folder_leaves_nothing(tmp_path: Path) -> None:
    own = ScratchFolder(tmp_path)
    own.release()
    own.release()
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_is_used_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    own = create(tmp_path)
    assert list(tmp_path.iterdir()) == [own.path]
    own.release()
