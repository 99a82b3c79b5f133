"""The process of one definition: its start, its result and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_CHILD = Path(__file__).with_name("user_sql_child.py")

_MAX_ERROR = 64 * 1024


class DefinitionFailed(Exception):
    """A definition gave no result. The message tells its author why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def start_process() -> subprocess.Popen[bytes]:
    """Start a process in its own session, without an environment."""
    return subprocess.Popen(  # noqa: S603  (a file of this package, run by this interpreter)
        [sys.executable, "-I", "-B", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        close_fds=True,
        start_new_session=True,
    )


def kill_process(child: subprocess.Popen[bytes]) -> None:
    """Kill the process and its children if it is running."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def collect_rows(child: subprocess.Popen[bytes], job: Mapping[str, Any], out: Path) -> None:
    """Send the job and write the rows that come back. Blocks until the process has ended.

    Raises DefinitionFailed, with the reason, if the process fails, and RuntimeError if it was started without pipes.
    """
    with child:
        stdin, stdout, stderr = child.stdin, child.stdout, child.stderr
        if stdin is None or stdout is None or stderr is None:
            raise RuntimeError("the child was started without pipes")
        # The pipe stays open: its end tells the child that this process is gone. Nothing is left in a buffer.
        with contextlib.suppress(BrokenPipeError):
            _send(stdin.fileno(), json.dumps(job).encode() + b"\n")
        whole = True
        try:
            _write(stdout, out)
        except (pa.ArrowException, OSError):  # the stream is cut off; the process gives the reason
            whole = False
            stdout.close()
        message = stderr.read(_MAX_ERROR)
        code = child.wait()
    if code != 0 or not whole:
        out.unlink(missing_ok=True)
        raise DefinitionFailed(_reason(code, message))


def _send(pipe: int, line: bytes) -> None:
    left = memoryview(line)
    while left:
        left = left[os.write(pipe, left) :]


def _write(stream: Any, out: Path) -> None:
    with (
        pa.ipc.open_stream(stream) as reader,
        pq.ParquetWriter(out, reader.schema, compression="zstd") as writer,
    ):
        for batch in reader:
            batch.validate(full=True)
            writer.write_batch(batch)


def _reason(code: int, message: bytes) -> str:
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(message)["error"])
    if code == -signal.SIGXCPU:
        return "The query used more processor time than a definition may."
    if (
        code in {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS}
        or b"memory" in message.lower()
    ):
        return "The query was stopped: it needs more memory than a definition may use."
    return "The query ended without a result."
