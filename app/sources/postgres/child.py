"""The process in which one reading, or one check, of a user's database is done; ``apart`` starts it.

Its work comes pickled through stdin, which stays open: whoever asked is gone when it ends. What it has to tell are
lines of JSON on stdout, of which the last one is the outcome.
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

_MEMORY = 2 * 1024**3  # of addresses; a reading uses a small part of it
_ENDING = 8.0


def main() -> int:
    """Do the work of stdin; the exit code."""
    job = pickle.load(sys.stdin.buffer)  # noqa: S301  (whoever started us wrote it)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        found = asyncio.run(_work(job))
    except asyncio.CancelledError:
        return 1
    except ConnectorError as error:
        kind = type(error).__name__
        _tell({"error": {"kind": kind, "message": error.message, "code": error.code}})
    except MemoryError:
        return 1
    except OSError as error:
        _tell({"storage": [error.errno, error.strerror or str(error)]})
    except Exception:  # noqa: BLE001  a server can bring up anything
        _tell({"fault": traceback.format_exc()[-2000:]})
    else:
        _tell({"found": dataclasses.asdict(found)})
    return 0


async def _work(job: dict[str, Any]) -> Any:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  asyncio.run made one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    if "sql" in job:
        return await reader.read(**job, progress=_progress)
    return await reader.check(**job)


def _progress(rows: int, size: int) -> None:
    _tell({"progress": [rows, size]})


def _tell(words: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(words, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def _end_with_parent() -> None:
    """However the parent ends, its end of the pipe closes; then the query is cancelled like at its word."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ENDING)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
