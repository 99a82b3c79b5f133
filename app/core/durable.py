"""Names of files that survive a power failure: a folder is written to the disk after a file in it was created or renamed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

#: Some network file systems write folders at once, and refuse this call.
_NOT_NEEDED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})


def sync_file(path: Path) -> None:
    """Write the content of a file to the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk. A file system that cannot do this is left alone."""
    try:
        _sync(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError as error:
        if error.errno not in _NOT_NEEDED:
            raise


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
