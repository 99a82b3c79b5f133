"""The data folder of a process, with its private subfolders, and the lock of the ``up`` that uses it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from app.core.config import Settings
from app.embedded.errors import FolderNotUsable
from app.embedded.folders import explain_folder_errors, make_data_dir

UP_LOCK = "up.lock"  # names the process that holds it


def with_data_dir(settings: Settings, *, files: bool = True) -> Settings:
    """Create the data folder if it is needed and missing, and return the settings with its absolute path.

    It is needed for embedded servers, and with ``files`` also for objects and local copies that have no other place.
    Subfolders with members' data are private to their owner. The data folder itself is not always private, because
    the servers' account may have to enter it. Raises FolderNotUsable or DiskFull.
    """
    data_dir = Path(os.path.realpath(settings.data_dir))
    settings = settings.model_copy(update={"data_dir": data_dir})
    private = [data_dir / "objects"] if files and settings.storage_url is None else []
    if files and settings.cache_dir is None:
        private.append(settings.cache)
    if private or settings.database_url is None:
        make_data_dir(data_dir)
    for folder in private:
        with explain_folder_errors(folder):
            folder.mkdir(mode=0o700, exist_ok=True)
    return settings


@contextmanager
def locked_by_up(data_dir: Path) -> Iterator[None]:
    """Keep another ``up`` from the data folder for the duration of the block. Creates the folder if it is missing.

    Raises FolderNotUsable if another ``up`` uses it, or if the folder cannot be used.

    The kernel ends the lock with this process. A file system without locks is used without one.
    """
    make_data_dir(data_dir)
    with explain_folder_errors(data_dir):
        file = (data_dir / UP_LOCK).open("a+")
    with file:
        _lock(file, data_dir)
        yield


def _lock(file: TextIO, data_dir: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FolderNotUsable(_in_use(data_dir, file)) from None
    except OSError:
        return
    with explain_folder_errors(data_dir):
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()


def _in_use(data_dir: Path, lock: TextIO) -> str:
    lock.seek(0)
    pid = lock.read().strip() or "unknown"
    return (
        f"`activations up` already runs on the folder {data_dir} (process {pid}). End it first, or choose another folder "
        "with --data. More workers join a running service with `activations worker`."
    )
