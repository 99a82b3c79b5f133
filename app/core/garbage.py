"""Garbage collection while a process starts."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collections() -> Iterator[None]:
    """Import modules without garbage collections, and leave what exists then out of later ones.

    Imports create many objects that stay. Collections of them take a tenth of the processor time of a start. At the end
    of the process, everything is collected, because otherwise native libraries report their own objects as leaked.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)
