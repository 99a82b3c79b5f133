"""Files of the tests in memory, where the machine has room."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 * 2**30


def has_memory() -> bool:
    """Return whether files of the tests can be kept in memory."""
    return MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED


def keep_temporary_files_in_memory() -> None:
    """Create temporary files of this process in memory if there is room, and if programs can be run from there."""
    if has_memory() and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        tempfile.tempdir = str(MEMORY)
