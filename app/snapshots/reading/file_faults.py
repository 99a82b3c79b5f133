"""Errors of the engine while it reads a file: which of them are faults of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb

from app.core.disk_reserve import is_full
from app.core.errors import Invalid
from app.snapshots.engine import TooMuchMemory

_TOO_MUCH = (
    "The upload needs more memory than the engine has. Leave out columns that nothing reads, shorten long values, or "
    "raise the setting ACTIVATIONS_ENGINE_MEMORY of the service. NDJSON needs more memory than CSV."
)


@contextmanager
def file_faults(explained: Callable[[duckdb.Error], Invalid]) -> Iterator[None]:
    """Translate errors of the engine in the block for the author of the file.

    Errors that say nothing about the file are not: an interrupt and a full disk pass unchanged, and too little memory
    becomes TooMuchMemory. The call is then made again with more memory.
    """
    try:
        yield
    except duckdb.InterruptException:
        raise
    except duckdb.OutOfMemoryException as error:
        raise TooMuchMemory(_TOO_MUCH) from error
    except duckdb.Error as error:
        if is_full(error):
            raise
        raise explained(error) from error
