"""The disk's reserve: what is written for users' input stops before the database and the logs have no room left."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

from app.core.errors import InsufficientStorage

RESERVE_BYTES = 256 * 1024**2  # stay free
_LOOK_SECONDS = 0.1
_FULL = (errno.ENOSPC, errno.EDQUOT)


def disk_full() -> InsufficientStorage:
    """Return the error of a write that would use the reserve."""
    return InsufficientStorage("the service's disk is full; nothing was changed")


def is_full(error: BaseException) -> bool:
    """Return whether a write failed because the disk is full, or the user's part of it.

    The engine and Arrow say so in their text only.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    text = str(error)
    return any(os.strerror(code) in text for code in _FULL)


def has_room(folder: Path, more: int = 0) -> bool:
    """Return whether ``more`` bytes can be written to the disk of ``folder`` without using the reserve."""
    return shutil.disk_usage(folder).free >= more + RESERVE_BYTES


@contextlib.contextmanager
def stopped_when_full(folder: Path, stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` again and again once the reserve is used, so that the block ends with an error.

    Raises InsufficientStorage in place of that error.
    """
    full, ended = Event(), Event()

    def look() -> None:
        while not ended.wait(_LOOK_SECONDS):
            if not has_room(folder) and not ended.is_set():
                full.set()
                stop()

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    except Exception:
        if full.is_set():
            raise disk_full() from None
        raise
    finally:
        ended.set()
        watcher.join()
