"""A ``preexec_fn`` that ends a child process when its parent ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
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
