"""What Linux can do for child processes: end one when its parent ends, and name it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(when_parent_ends: signal.Signals) -> Callable[[], None]:
    """Return a ``preexec_fn`` that makes Linux signal the child when its parent ends.

    On other systems the returned function does nothing. ``subprocess`` calls it after the change of account; a change
    of account after the call would clear the request.
    """
    parent = os.getpid()

    def request_signal() -> None:
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, int(when_parent_ends), 0, 0, 0)
        if os.getppid() != parent:
            # The parent ended between the fork and the request.
            os._exit(1)

    return request_signal


def name_process(name: str) -> None:
    """Give this process a name of at most 15 bytes, which ``ps -o comm`` and ``top`` show. Only Linux can."""
    if _libc is not None:
        _libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)
