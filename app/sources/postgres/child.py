"""The child process that reads or checks a user's database once; ``process`` starts it.

The job arrives pickled on stdin, which stays open: if it closes, the parent has ended. The child writes lines of JSON
to stdout; the last line is the result.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import pickle
import resource
import signal
import sys
import time
import traceback
from threading import Thread
from typing import Any

import orjson

from app.connectors.errors import ConnectorError
from app.sources.postgres import reader

_MEMORY = 2 * 1024**3  # bytes of address space; a read uses a small part of it
_ENDING = 8.0


def main() -> int:
    """Run the job from stdin. Returns the exit code."""
    job = pickle.load(sys.stdin.buffer)  # noqa: S301  (the parent wrote it)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        found = asyncio.run(_work(job))
    except asyncio.CancelledError:
        return 1
    except ConnectorError as error:
        kind = type(error).__name__
        _write({"error": {"kind": kind, "message": error.message, "code": error.code}})
    except MemoryError:
        return 1
    except OSError as error:
        _write({"storage": [error.errno, error.strerror or str(error)]})
    except Exception:  # noqa: BLE001  a server can cause any error
        _write({"fault": traceback.format_exc()[-2000:]})
    else:
        _write({"found": dataclasses.asdict(found)})
    return 0


async def _work(job: dict[str, Any]) -> Any:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  asyncio.run creates one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    if "sql" in job:
        return await reader.read_rows(**job, progress=_progress)
    return await reader.check_source(**job)


def _progress(rows: int, size: int) -> None:
    _write({"progress": [rows, size]})


def _write(line: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def _end_with_parent() -> None:
    """Cancel the query when the parent ends: then its end of the pipe closes, however it ends."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ENDING)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
