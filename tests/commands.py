"""Commands of ``activations`` in processes that are forked from one in which the imports are done: they take seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Forks a process for each line of its input, and prints the exit code of each.
LAUNCHER = """
import json, os, sys
import app.cli.application, app.embedded.up, app.services.platform, app.services.tenancy
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
for number, path in enumerate((os.devnull, asked["output"], asked["errors"])):
    os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
os.environ.update(asked["environment"])
sys.argv = ["activations", *asked["arguments"]]
app.cli.main()
"""


@dataclass(frozen=True)
class Ended:
    """What became of a command."""

    code: int
    output: str
    errors: str


class Commands:
    """Runs commands one after the other, each in a process of its own."""

    def __init__(self, launcher: subprocess.Popen[str], folder: Path) -> None:
        self._launcher = launcher
        self._folder = folder

    def run(self, *arguments: str, **environment: str) -> Ended:
        """Run a command until it ends."""
        assert self._launcher.stdin is not None
        assert self._launcher.stdout is not None
        files = {name: self._folder / name for name in ("output", "errors")}
        for file in files.values():
            file.write_bytes(b"")
        asked = {"arguments": arguments, "environment": environment}
        asked |= {name: str(file) for name, file in files.items()}
        self._launcher.stdin.write(json.dumps(asked) + "\n")
        self._launcher.stdin.flush()
        code = int(self._launcher.stdout.readline())
        return Ended(code, files["output"].read_text(), files["errors"].read_text())


@contextmanager
def command_line() -> Iterator[Commands]:
    """Start the process that the commands are forked from. Its environment has only the PATH."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-c", LAUNCHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
        ) as launcher,
    ):
        yield Commands(launcher, Path(folder))
