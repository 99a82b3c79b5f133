"""Threads share the arenas of the C library."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Twenty threads allocate at the same time. An arena begins at a multiple of 64 MiB, and is no mapping of a file.
PROGRAM = """
import ctypes, sys, threading
from app.core.allocation import share_arenas
if sys.argv[1] == "shared":
    share_arenas()
library, gate = ctypes.CDLL(None), threading.Barrier(20)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
def allocate():
    gate.wait()
    for _ in range(1000):
        library.malloc(1000)
    gate.wait()
threads = [threading.Thread(target=allocate) for _ in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
lines = [line.split() for line in open("/proc/self/maps")]
starts = [int(line[0].split("-")[0], 16) for line in lines if len(line) == 5 and line[1] == "rw-p"]
print(sum(start % (64 << 20) == 0 for start in starts))
"""


def arenas(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the arenas are those of glibc")
def test_threads_share_two_arenas() -> None:
    assert arenas("shared") <= 2
    assert arenas("as usual") > 2
