"""Garbage collection while a process starts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collections() -> Iterator[None]:
    """Import modules without garbage collections, and leave what exists then out of later ones.

    Imports create many objects that stay. Collections of them take a tenth of the processor time of a start. Only for a
    process that ends without freeing them: otherwise native libraries report their own objects as leaked.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
