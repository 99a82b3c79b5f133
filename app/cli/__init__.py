"""The command line: ``activations up`` for the whole service, and commands for its parts on several hosts.

Exit codes: 0 success · 1 any other error · 2 wrong arguments · 3 the port is in use · 4 another version of PostgreSQL
wrote the data folder · 5 the disk is full · 6 a folder cannot be used · 7 the embedded servers cannot start · 8 the
configured database cannot be reached · 9 the service did not become ready.
"""

from app.cli.application import main

__all__ = ["main"]
