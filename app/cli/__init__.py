"""The command line: ``activations up`` for the whole service, and commands for its parts on several hosts.

Exit codes: 0 success · 1 any other error · 2 wrong arguments · 3 the port is in use · 4 another version of PostgreSQL
wrote the data folder · 5 the disk is full · 6 a folder cannot be used · 7 the embedded servers cannot start · 8 the
configured database cannot be reached or used · 9 the service did not become ready · 10 the object store cannot be used.
"""

import atexit
import contextlib
import os
import sys

from app.cli.signals import end_cleanly_when_asked
from app.core.garbage import no_collections

SERVING = ("up", "api", "worker")

__all__ = ["main"]


if set(sys.argv[1:2]) & set(SERVING):
    # Before the imports of the command, which take a second: a signal in that time must not look like a crash.
    end_cleanly_when_asked()


def main() -> None:
    """Run the command line."""
    code = 1  # of an error that nobody expected

    def end() -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)

    # Runs after all other functions of `atexit`. After them, Python would free each object, which takes half a second.
    atexit.register(end)
    try:
        with no_collections():
            from app.cli.application import main as run

        run()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        raise
