"""The entry of the service's processes in a chaos run: the command line, with named points and at most one mutant."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.cli import main
from app.services.planning import batches
from tests.chaos_processes.limits import MUTANT_VARIABLE, POINTS_VARIABLE
from tests.chaos_processes.mutants import MUTANTS
from tests.chaos_processes.points import install


def run() -> None:
    """Patch the service's functions, and run its command line. Plans of a few calls have batches of many calls."""
    batches.SPREAD = 4
    install(Path(os.environ[POINTS_VARIABLE]), sys.argv[1])
    if mutant := os.environ.get(MUTANT_VARIABLE):
        MUTANTS[mutant].plant()
    main()


if __name__ == "__main__":
    run()
