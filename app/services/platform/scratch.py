"""Scratch folders of processes. Each is locked while its process runs, so that the next one finds what a crash has left.

The id of a process does not say whether it runs: processes in other containers, which may share the folder, have ids of their
own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from app.core.ids import new_id

_LOCK = ".lock"


class ScratchFolder:
    """The name of a new folder for one process, which creates it; it is locked until ``release``."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(parent)
        self.path = parent / f"{os.getpid()}-{new_id('p')}"
        self._lock = _created_lock(_lock_of(self.path))

    def release(self) -> None:
        """Release the folder, which must have been deleted."""
        if self._lock is not None:
            _lock_of(self.path).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)


def _created_lock(file: Path) -> int | None:
    """Create and lock a file. Returns its descriptor; None in a file system without locks, where there is no file then."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            os.close(descriptor)
            file.unlink(missing_ok=True)
            return None
        if file.exists():
            return descriptor
        os.close(
            descriptor
        )  # another process took it, before it was locked, for one that a crash has left


def _remove_left_over(parent: Path) -> None:
    """Remove the folders of processes that crashed."""
    for file in parent.glob(f"*-*{_LOCK}"):
        _remove_unlocked(file)
    for folder in parent.glob("*-*"):
        if folder.suffix == _LOCK or _lock_of(folder).exists():
            continue
        # In a file system without locks, or of an earlier version of the service.
        pid = folder.name.partition("-")[0]
        if pid.isdigit() and int(pid) != os.getpid() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _remove_unlocked(file: Path) -> None:
    """Remove the folder of a lock, and the lock, if no process holds it."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # its process has just removed it, or is that of another user
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(file.with_suffix(""), ignore_errors=True)
        file.unlink(missing_ok=True)
    except OSError:
        return
    finally:
        os.close(descriptor)
