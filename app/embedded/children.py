"""Starting a program so that it ends with the program that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(when_parent_ends: signal.Signals) -> Callable[[], None]:
    """A ``preexec_fn`` that asks Linux to signal the child when its parent ends; elsewhere it does nothing.

    ``subprocess`` calls it after the change of account, which would clear the wish again.
    """
    parent = os.getpid()

    def ask() -> None:
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, int(when_parent_ends), 0, 0, 0)
        if os.getppid() != parent:
            # The parent ended between the fork and the wish.
            os._exit(1)

    return ask
