"""The C library's memory: threads share its arenas, so that a process does not grow with each thread that worked once."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # of malloc.h
_ARENAS = 2


def share_arenas() -> None:
    """Let all threads of this process allocate from two arenas of the C library, before it starts threads.

    By default a thread gets an arena of its own, up to eight for each core, and an arena keeps what it has freed. A process with
    30 threads that take turns at the same work then holds the memory of that work many times. Without effect where the C library is another one than glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
