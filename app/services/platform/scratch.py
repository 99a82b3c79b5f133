"""The scratch folder of a process, and the removal of those that processes left behind that were killed.

A lock says that a process lives, because the kernel ends it with the process. A process id does not: two containers that share
a folder have processes with equal ids and cannot see each other's, and a container that starts again has the former ids again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.core.ids import new_id

_LOCK = ".lock"  # the end of a lock's name; the folder has the same name without it
_OLD = 86_400.0  # seconds after which what has no lock was left behind, unless its process is seen here


class Scratch:
    """A folder for temporary files that only this process uses. It is removed at the end of the process."""

    def __init__(self, cache: Path) -> None:
        """Create the folder below a folder of caches, and remove what killed processes left there."""
        parent = (cache / "scratch").resolve()
        parent.mkdir(parents=True, exist_ok=True)
        for left in _left_behind(cache, parent):
            _remove(left)
        self.path = parent / f"{os.getpid()}-{new_id('p')}"
        # Before the folder: a folder whose lock can be taken is nobody's.
        self._lock = os.open(_lock_of(self.path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.path.mkdir()

    def close(self) -> None:
        """Remove the folder."""
        _remove(self.path)
        os.close(self._lock)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # there is none, or it is another account's
        _lock_of(folder).unlink()


def _left_behind(cache: Path, parent: Path) -> Iterator[Path]:
    for folder in parent.glob("*-*"):
        if folder.is_dir() and not _is_in_use(folder):
            yield folder
    for folder in cache.glob("export-*"):  # of earlier versions
        if _is_old(folder):
            yield folder


def _is_in_use(folder: Path) -> bool:
    try:
        lock = os.open(_lock_of(folder), os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # of an earlier version, or of another account
        return _may_be_in_use(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return _may_be_in_use(folder)
    finally:
        os.close(lock)
    return False


def _may_be_in_use(folder: Path) -> bool:
    """Return whether a process may use a folder that has no lock: it is new, or a process here has the id in its name."""
    pid = folder.name.partition("-")[0]
    return not _is_old(folder) or (pid != str(os.getpid()) and Path("/proc", pid).exists())


def _is_old(folder: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - folder.stat().st_mtime > _OLD
    return False
